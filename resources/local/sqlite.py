"""One SQLite file shared by several processes: the settings and the waiting that this takes.

The hazard: switching a new file to WAL does not honour SQLite's own busy timeout, so two processes
that open the same new file at once would fail without the retry here.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from resources.errors import ServiceUnavailable
from resources.storage import writing_to

LOCK_WAIT_SECONDS = 30


class Database:
    """One connection, which the threads of this process use in turn.

    Readers never wait for writers. A commit is on disk before `writing` ends. What SQLite refuses
    is a ServiceUnavailable, or a StorageFull or StorageReadOnly where it can tell.
    """

    def __init__(self, path: Path, schema: str, *, schema_version: int = 1) -> None:
        """Open the file; a schema that its version has outgrown is brought up to date.

        Args:
            path: the file; made, with its folder, where it is missing.
            schema: statements that change nothing where they were executed before.
            schema_version: rises with every change of the schema.
        """
        self.path = path
        self._version = schema_version
        self._lock = threading.RLock()
        with self._answering():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare(schema)

    def close(self) -> None:
        """Give the file back; the last process to do so tidies the write-ahead log."""
        self._connection.close()

    def rows(self, statement: str, *values: object) -> list[Any]:
        """Run one statement; all its rows."""
        with self._lock, self._answering():
            return self._connection.execute(statement, values).fetchall()

    def value(self, statement: str, *values: object) -> Any:  # noqa: ANN401 - as SQLite stores it
        """Run one statement; the first column of its first row, or None."""
        rows = self.rows(statement, *values)
        return rows[0][0] if rows else None

    def many(self, statement: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of many values.

        Raises:
            sqlite3.IntegrityError: one of them breaks a constraint.
        """
        with self._lock, self._answering():
            self._connection.executemany(statement, values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that holds the write lock from its beginning; undone if it raises."""
        with self._lock:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
                self.rows("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self.rows("ROLLBACK")
                raise

    def _prepare(self, schema: str) -> None:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while self.value("PRAGMA journal_mode") != "wal":
            with suppress(ServiceUnavailable):
                self.rows("PRAGMA journal_mode = WAL")
            if time.monotonic() > deadline:
                raise self._unavailable("a file that cannot be switched to write-ahead logging")
            time.sleep(0.01)
        # Every commit reaches the disk: the ledger must not forget what it has confirmed.
        self.rows("PRAGMA synchronous = FULL")
        self.rows("PRAGMA foreign_keys = ON")
        # Asked first, so that opening a file that is ready never waits for its writer.
        if self.value("PRAGMA user_version") < self._version:
            with self.writing():
                for statement in schema.split(";"):
                    self.rows(statement)
                self.rows(f"PRAGMA user_version = {self._version}")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            with writing_to(self.path.parent):
                yield
        except sqlite3.OperationalError as error:
            raise self._unavailable(str(error)) from error

    def _unavailable(self, found: str) -> ServiceUnavailable:
        return ServiceUnavailable(
            str(self.path),
            found=found,
            expected=f"a writable SQLite file, free within {LOCK_WAIT_SECONDS} s",
            next_move="see which other process holds the file, who may write to its folder, and "
            "whether its disk is full",
        )
