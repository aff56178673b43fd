"""A task that loads and follows a database, and ways to look at both of its ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pyarrow.parquet as pq
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from resources.local.replication import LocalReplication
from resources.objects import ObjectStore
from resources.replication import (
    CapturedTable,
    ChangeReport,
    ChangeRequest,
    LoadReport,
    LoadRequest,
    SourceTable,
    StreamPosition,
)
from resources.validation import (
    DeliveredFile,
    TableToValidate,
    TableValidation,
    ValidationRequest,
)

DELIVERED = ("Op", "dms_timestamp", "ar_h_change_seq")


@dataclass
class Task:
    """What a caller of the replication does: loads, changes, and what is known in between."""

    connection: Mapping[str, str]
    landing: ObjectStore
    tables: tuple[SourceTable, ...]
    replication: LocalReplication
    log: Callable[[str], None] = lambda _message: None
    since: StreamPosition | None = None
    captured: dict[str, CapturedTable] = field(default_factory=dict)
    executions: int = 0

    def load(self, *tables: SourceTable) -> LoadReport:
        """Load these tables, or all."""
        self.executions += 1
        request = LoadRequest(
            source="shop",
            load_id=f"20170501T120000Z-{self.executions:04d}",
            started_at=self.replication.clock(self.connection),
            tables=tables or self.tables,
        )
        report = self.replication.full_load(
            request, connection=self.connection, landing=self.landing, log=self.log
        )
        for table, done in zip(request.tables, report.tables, strict=True):
            if done.capture and report.position is not None:
                self.captured[table.name] = CapturedTable(
                    table, report.load_id, report.position, done.capture, (done.prefix,)
                )
        return report

    def request(self) -> ChangeRequest:
        """What the next execution is asked."""
        self.executions += 1
        return ChangeRequest(
            source="shop",
            execution_id=f"20170501T120000Z-{self.executions:04d}",
            since=self.since,
            tables=tuple(self.captured.values()),
        )

    def changes(self) -> ChangeReport:
        """Deliver changes, and let them count."""
        report = self.replication.changes(
            self.request(), connection=self.connection, landing=self.landing, log=self.log
        )
        self.count(report)
        return report

    def count(self, report: ChangeReport) -> None:
        """Let an execution count."""
        if not report.counts:
            return
        self.since = report.until
        for written in report.tables:
            known = self.captured[written.table]
            self.captured[written.table] = CapturedTable(
                known.table,
                known.epoch,
                known.loaded,
                known.capture,
                (*known.delivered, written.prefix),
            )

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every delivered row of the newest epoch that counts, in the order of the contract."""
        found = [
            row
            for prefix in self.captured[table].delivered
            for info in self.landing.list(prefix)
            for row in read(self.landing, info.key)
        ]
        return sorted(found, key=lambda row: (row["dms_timestamp"], row["ar_h_change_seq"]))

    def folded(self, table: str, *key: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """What the delivered rows say of the table: the last of each key, if it is no deletion."""
        state: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in self.rows(table):
            place = tuple(row[column] for column in key)
            state.pop(place, None)
            if row["Op"] != "D":
                state[place] = {name: row[name] for name in row if name not in DELIVERED}
        return state

    def validated(
        self, table: str = "order", *, whole: bool = True, **more: Any
    ) -> TableValidation:
        """The validation of everything that was delivered of a table, or of the last delivery."""
        captured = self.captured[table]
        prefixes = captured.delivered if whole else captured.delivered[-1:]
        files = tuple(
            DeliveredFile(self.landing, info.key)
            for prefix in prefixes
            for info in self.landing.list(prefix)
        )
        wanted = TableToValidate(captured, files, whole, **more)
        [found] = self.replication.validation(
            ValidationRequest("shop", self.since, (wanted,)),
            connection=self.connection,
            log=self.log,
        ).tables
        return found


def read(landing: ObjectStore, key: str) -> list[dict[str, Any]]:
    """The rows of a Parquet file in landing."""
    rows: list[dict[str, Any]] = pq.read_table(
        landing.uri_of(key).removeprefix("file://")
    ).to_pylist()
    return rows


@dataclass(frozen=True)
class Source:
    """A database; `sql` runs a script in one transaction, as its owner."""

    connection: Mapping[str, str]

    def sql(self, *statements: str) -> None:
        """Run statements together, and commit."""
        with psycopg.connect(make_conninfo(**self.connection)) as session:
            for statement in statements:
                session.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with psycopg.connect(make_conninfo(**self.connection), autocommit=True) as session:
            session.execute("SET timezone = 'UTC'")
            return session.execute(query).fetchall()

    def table(self, name: str, *key: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """A table's rows by key."""
        with psycopg.connect(make_conninfo(**self.connection), autocommit=True) as session:
            session.execute("SET timezone = 'UTC'")
            cursor = session.execute(SQL("SELECT * FROM {}").format(Identifier("shop", name)))
            names = [column.name for column in cursor.description or ()]
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return {tuple(row[column] for column in key): row for row in found}
