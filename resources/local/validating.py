"""One validation: a source's tables at one moment against the files that were delivered of them.

    moment     a snapshot, and a place in the log by which all of it was committed
    pending    the log up to there, from where the files end: these rows are not compared
    files      folded to the last change of each key
    rows       of the snapshot: all of them, or those whose keys the files tell of

Nothing waits for the source's transactions, and nothing is taken from its log: only what counts
already is confirmed by reading it. Memory holds blocks; the rest is spilled.

The hazard: a snapshot that is older than its place in the log only makes more rows pending; a newer
one would make differences of rows that merely changed. So the place is asked for last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa

from resources.errors import SourceRejected
from resources.local.change_log import change_log, lsn_of
from resources.local.comparison import Comparison
from resources.local.copied import table_rows
from resources.local.delivered_keys import spilling_database
from resources.local.judging import error, judged
from resources.local.keyed_rows import KEYS_LOOKED_UP, KEYS_TOGETHER, rows_of
from resources.local.postgres import clock, connected, snapshot, table_columns
from resources.local.publication import Relation, captures, relation_of, stream_name
from resources.local.slot import slot_of, start_of, wait_for_slot
from resources.local.touched_keys import Key, TouchedKeys, read_touched
from resources.validation import (
    TableToValidate,
    TableValidation,
    ValidationReport,
    ValidationRequest,
)

if TYPE_CHECKING:
    import duckdb


@dataclass
class _Side:
    """What is known of one table before it is compared."""

    table: TableToValidate
    columns: pa.Schema
    key: tuple[str, ...]
    comparison: Comparison
    touched: TouchedKeys = field(init=False)

    def __post_init__(self) -> None:
        self.touched = TouchedKeys(
            self.key, loaded=self.table.captured.loaded.lsn, hand_on=self._take_touched
        )

    def _take_touched(self, keys: list[Key]) -> None:
        columns = list(zip(*keys, strict=True))
        self.comparison.add_touched(
            pa.table({n: pa.array(c, pa.string()) for n, c in zip(self.key, columns, strict=True)})
        )


@dataclass(frozen=True)
class Validating:
    """A validation, and what it works with."""

    request: ValidationRequest
    connection: Mapping[str, str]
    log: Callable[[str], None]
    timeout_seconds: int

    def run(self) -> ValidationReport:
        """Compare every table; see `validation`."""
        with snapshot(self.connection, timeout_seconds=self.timeout_seconds) as session:
            validated_at = clock(session, self.connection)
            [(place,)] = session.execute("SELECT pg_current_wal_insert_lsn()::text").fetchall()
            done = self._tables(session, until=lsn_of(place))
        return ValidationReport(self.request.source, validated_at, tuple(done))

    def _tables(self, session: psycopg.Connection[Any], *, until: int) -> list[TableValidation]:
        done: dict[str, TableValidation] = {}
        sides: list[_Side] = []
        with ExitStack() as opened:
            scratch = Path(opened.enter_context(TemporaryDirectory(prefix="validation-")))
            for number, table in enumerate(self.request.tables):
                own = scratch / str(number)
                own.mkdir()
                database = opened.enter_context(spilling_database(own))
                found = self._look(session, table, database)
                if isinstance(found, _Side):
                    sides.append(found)
                else:
                    done[found.table] = found
            if sides:
                self._read_pending(session, sides, until=until)
            for side in sides:
                done[side.table.captured.table.name] = self._compare(session, side)
        return [done[table.captured.table.name] for table in self.request.tables]

    def _look(
        self,
        session: psycopg.Connection[Any],
        table: TableToValidate,
        database: duckdb.DuckDBPyConnection,
    ) -> _Side | TableValidation:
        """See whether the table can be compared."""
        captured = table.captured
        tell = partial(error, self.request, table)
        try:
            relation = relation_of(session, captured.table)
            key = captured.table.key or _identity(relation)
            if not key or not relation.identity:
                return TableValidation(captured.table.name, "No primary key")
            now = captures(session, self.request.source, [captured.table])
            columns = table_columns(session, captured.table, with_generated=False)
        except SourceRejected as refused:
            return tell(refused.found)
        if now[captured.table.name] != captured.capture:
            return tell("a table or a publication that was made anew since the load")
        if gone := [name for name in key if name not in columns.names]:
            return tell(f"no key column {gone[0]}")
        return _Side(table, columns, key, Comparison(database, columns, key))

    def _read_pending(
        self, session: psycopg.Connection[Any], sides: Sequence[_Side], *, until: int
    ) -> None:
        """Read from the log which rows changed after what was delivered."""
        request, seconds = self.request, self.timeout_seconds
        with (
            connected(self.connection, timeout_seconds=seconds) as asking,
            change_log(self.connection, timeout_seconds=seconds) as log,
        ):
            start = start_of(
                slot_of(asking, request.source),
                source=request.source,
                system=log.system(),
                since=request.since,
                tables=[side.table.captured for side in sides],
            )
            wait_for_slot(asking, request.source, self.connection)
            name = stream_name(request.source)
            read_touched(
                log.messages(name, name, since=start, target=until, with_messages=False),
                {relation_of(session, s.table.captured.table).oid: s.touched for s in sides},
                until=until,
            )

    def _compare(self, session: psycopg.Connection[Any], side: _Side) -> TableValidation:
        table, comparison = side.table, side.comparison
        unread = self._add_files(side)
        keys = comparison.fold()
        self._add_rows(session, side, keys)
        if side.touched.everything:
            comparison.touch_everything()
        found = judged(self.request, table, side.key, comparison, unread=unread)
        comparison.forget()
        self.log(f"{found.table}: {found.state}, {found.compared} rows compared")
        return found

    def _add_files(self, side: _Side) -> list[str]:
        """Add all files; what is to be said of those that cannot be read."""
        import duckdb
        import pyarrow.parquet as pq

        from resources.arrow_files import file_system

        unread = []
        for number, file in enumerate(side.table.files):
            files, root = file_system(file.store)
            try:
                first = 1
                with pq.ParquetFile(f"{root}/{file.key}", filesystem=files) as parquet:
                    for rows in parquet.iter_batches():
                        side.comparison.add_delivered(rows, file=number, first_row=first)
                        first += rows.num_rows
            except (
                OSError, pa.ArrowException, duckdb.BinderException, duckdb.ConversionException,
            ):  # fmt: skip
                unread.append(f"{file.name} cannot be read as a delivery of this table")
        return unread

    def _add_rows(self, session: psycopg.Connection[Any], side: _Side, keys: int) -> None:
        """Add the source's rows: all, or those that the files tell of."""
        table = side.table.captured.table
        text = pa.schema([(name, pa.string()) for name in side.columns.names])
        if side.table.is_whole or keys > KEYS_LOOKED_UP:
            for rows in table_rows(session, table, text):
                side.comparison.add_held(rows, only_landed=not side.table.is_whole)
            return
        for some in side.comparison.landed_keys(at_once=KEYS_TOGETHER):
            for rows in rows_of(session, table, text, side.key, some):
                side.comparison.add_held(rows, only_landed=True)


def _identity(relation: Relation) -> tuple[str, ...]:
    """The columns by which the source itself tells rows apart; a row's every column is no key."""
    return () if relation.identity_kind == "f" else relation.identity
