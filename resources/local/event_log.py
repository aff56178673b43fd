"""Dagster's history on SQLite, with connections that are kept instead of made for each event.

Dagster's own storage builds a SQLAlchemy engine and looks for two tables whenever it stores an
event. On two cores that is 10 ms an event, and a run over 53 landing dates has hundreds: it was a
third of the time that a smoke run spent in clean. Here engines are kept: 2 ms an event. Files and
tables are Dagster's own; either storage reads what the other wrote.

The hazard: `_connect` and `has_table` are not public. Dagster is pinned to one version, and a test
holds both storages to the same history; when an upgrade breaks this, remove `storage` from
`dagster.yaml` and everything works as before, only slower.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event

from resources.local.daemon import OneDaemonRunStorage

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

# Each run has a file of its own, and a daemon meets many runs; the index is one of the files.
ENGINES_KEPT = 8


def _wait_for_no_disk(connection: sqlite3.Connection, _record: object) -> None:
    """Let commits reach the disk in groups.

    A power cut may then take the last moments of the history, and never its consistency. That is
    enough: what counts as done stands in the ledger and in the tables' snapshots, not here.
    """
    connection.execute("PRAGMA synchronous = NORMAL")


class ReusingEventLogStorage(SqliteEventLogStorage):
    """Dagster's event log, whose engines outlive an event."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                # The lock of `_connect` lets one thread in at a time.
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _wait_for_no_disk)
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > ENGINES_KEPT:
            self._engines.popitem(last=False)[1].dispose()
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; one that was there once is there."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close every file."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


class ReusingSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage on SQLite, in the same folders, with the event log above.

    Being what every daemon reports to, it is also where a home's second one is refused.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = ReusingEventLogStorage(_event_logs_directory(base_dir))
        self._run_storage = OneDaemonRunStorage.from_local(_runs_directory(base_dir))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> ReusingSqliteStorage:
        """As Dagster makes it from `dagster.yaml`."""
        return cls.from_local(inst_data=inst_data, **config_value)
