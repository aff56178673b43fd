"""Older years of history, delivered into a landing zone as the company's systems would have.

A database's older years are more rows of its load, a service's are one more execution, and of each
dropped file there is one more for each year, in the place of its own day. Products and households
stay as they are: they are masters, and have no year.

The hazard is a delivery that holds more than its record says. Records of what succeeded are settled
for good reason; here the load's is taken out of the ledger and told anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow.parquet as pq

from benchmarks.curated.ageing import (
    AGED,
    AS_TEXT,
    FIRST_DAY,
    NUMBERS_A_YEAR,
    WEEK,
    YEAR,
    Aged,
    in_first_year,
    monday_of,
    moved,
    number_of_week,
)
from benchmarks.homes import Home
from product360_assets.core.contract import (
    SourceContract,
    SourceKind,
    TableContract,
    load_contracts,
)
from product360_assets.ingestion.arrivals import EPOCH, landing_day, successful_deliveries
from product360_assets.ingestion.executions import FILES, pulls
from resources.ledger import Delivery
from resources.local.dms_shapes import DELETE, INSERT, load_file_name
from resources.replication import CHANGE_SEQUENCE, COMMIT_TIME, OPERATION

_TYPES = {
    "string": "VARCHAR",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
# Digits of a change sequence that say the time; the others number the changes.
_SEQUENCE_TIME, _SEQUENCE_NUMBER = 16, 19


def add_years(home: Home, held: Path, years: int) -> None:
    """Let so many older years have been delivered into a home that has accepted nothing yet.

    Args:
        home: its landing zone holds the company's year.
        held: a folder laid out like it, with files of that year that are still to come.
        years: how many.
    """
    if not years:
        return
    contracts = load_contracts()
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        for (source, table), aged in AGED.items():
            contract = contracts[source]
            _WAYS[contract.kind](
                _Moving(database, home, held, years, contract, contract.table(table), aged)
            )


@dataclass(frozen=True)
class _Moving:
    """A source's table on its way back through the years."""

    database: duckdb.DuckDBPyConnection
    home: Home
    held: Path
    years: int
    contract: SourceContract
    table: TableContract
    aged: Aged

    @property
    def landing(self) -> Path:
        return self.home.path / "lake" / "landing"

    @property
    def folder(self) -> str:
        """What the landing keys of the table begin with, unless it comes from a database."""
        return f"{self.contract.name}/{self.table.delivered_name}/"

    @property
    def back(self) -> range:
        """The years, by how far back they lie."""
        return range(1, self.years + 1)

    def deliveries(self) -> list[Delivery]:
        """Its executions that count, by their start."""
        return successful_deliveries(self.home.ledger(), self.contract.name, self.table.name)

    def files(self, deliveries: list[Delivery], kind: str) -> list[str]:
        """What executions left in landing."""
        # A prefix may end within a name: changes of one day are files whose names begin with it.
        found = (self.landing.glob(f"{each.prefix}*.{kind}") for each in deliveries)
        return [str(file) for files in found for file in sorted(files)]

    def dropped(self) -> Iterator[tuple[Path, str, date]]:
        """Its dropped files, also those that are still to come: their paths, keys and days."""
        found = [
            (file, str(file.relative_to(root)))
            for root in (self.landing, self.held)
            for file in sorted((root / self.folder).rglob("*.*"))
        ]
        for file, key in found:
            if (day := landing_day(key)) is not None:
                yield file, key, day

    def last_of_each(self, rows: str, order: str) -> str:
        """SQL: the last row of each key."""
        key = ", ".join(self.table.key)
        place = f"row_number() OVER (PARTITION BY {key} ORDER BY {order} DESC)"
        return f"SELECT * FROM {rows} QUALIFY {place} = 1"

    def moved(self, rows: str, years: int, said: Mapping[str, str]) -> str:
        """SQL: the rows, so many years earlier; see `benchmarks.curated.ageing`."""
        return moved(self.aged, rows, years, self.contract.time_zone, said)

    def read_json(self, files: list[str]) -> str:
        """SQL: the rows of JSON files."""
        columns = {each.delivered_name: _TYPES[each.type] for each in self.table.columns}
        return f"read_json({files}, format = 'newline_delimited', columns = {columns})"

    def write(self, rows: str, key: str, how: str) -> tuple[int, int]:
        """Write what the SQL selects into landing; how many rows and bytes that was."""
        file = self.landing / key
        file.parent.mkdir(parents=True, exist_ok=True)
        done = self.database.execute(f"COPY ({rows}) TO '{file}' ({how})").fetchone()
        return int(done[0]) if done else 0, file.stat().st_size


def _add_to_load(moving: _Moving) -> None:
    """What stood at the end of the year, as more files of the load."""
    deliveries = moving.deliveries()
    [load] = [each for each in deliveries if EPOCH not in each.details]
    moving.database.execute(f"CREATE TABLE {moving.table.name} AS {_standing(moving, deliveries)}")
    schema = pq.read_schema(moving.files([load], "parquet")[0])
    files, rows, size = int(load.details[FILES]), load.rows, load.bytes
    for years in moving.back:
        older = moving.moved(moving.table.name, years, {CHANGE_SEQUENCE: _sequence(years)})
        table = moving.database.sql(older).to_arrow_table().cast(schema)
        file = moving.landing / load.prefix / load_file_name(files + years)
        pq.write_table(table, file)
        rows, size = rows + table.num_rows, size + file.stat().st_size
    details = {**load.details, FILES: str(files + moving.years)}
    _tell_anew(moving.home, replace(load, rows=rows, bytes=size, details=details))


def _standing(moving: _Moving, deliveries: list[Delivery]) -> str:
    """SQL: the rows of the year that stand after all changes, as the load would have held them."""
    delivered = f"read_parquet({moving.files(deliveries, 'parquet')})"
    if whole := moving.aged.part_of:
        number = moving.aged.numbers[0]
        of_year = f"{number} IN (SELECT {number} FROM {whole})"
    else:
        of_year = in_first_year(moving.aged.times[0], moving.contract.time_zone)
    # The load comes before all changes, so its time is the least.
    as_loaded = ", ".join(
        f"(SELECT min({each}) FROM {delivered}) AS {each}"
        for each in (COMMIT_TIME, CHANGE_SEQUENCE)
    )
    last = moving.last_of_each(delivered, CHANGE_SEQUENCE)
    return (
        f"SELECT * REPLACE ('{INSERT}' AS {OPERATION}, {as_loaded}) FROM ({last}) "
        f"WHERE {OPERATION} <> '{DELETE}' AND {of_year}"
    )


def _sequence(years: int) -> str:
    """SQL: change sequences at the load's time, `{}`, that no other row has."""
    number = f"CAST({years * NUMBERS_A_YEAR} + row_number() OVER () AS VARCHAR)"
    return f"left({{}}, {_SEQUENCE_TIME}) || lpad({number}, {_SEQUENCE_NUMBER}, '0')"


def _tell_anew(home: Home, delivery: Delivery) -> None:
    with closing(sqlite3.connect(home.path / "ledger.db")) as ledger, ledger:
        ledger.execute(
            "DELETE FROM delivery WHERE source = ? AND table_name = ? AND delivery_id = ?",
            (delivery.source, delivery.table, delivery.delivery_id),
        )
    home.ledger().record_delivery(delivery)


def _add_execution(moving: _Moving) -> None:
    """All records of a service, as what one more execution found."""
    deliveries = pulls(moving.deliveries())
    first, order = deliveries[0], moving.table.order or ""
    last = moving.last_of_each(moving.read_json(moving.files(deliveries, "json")), order)
    moving.database.execute(f"CREATE TABLE {moving.table.name} AS {last}")
    text = dict.fromkeys(moving.aged.times, f"strftime({{}}, '{AS_TEXT}')")
    older = " UNION ALL ".join(
        moving.moved(moving.table.name, years, text) for years in moving.back
    )
    name = f"{first.delivery_id}-older"
    prefix = f"{moving.folder}{name}/"
    rows, size = moving.write(older, f"{prefix}{moving.table.name}.json", "FORMAT json")
    told = replace(first, delivery_id=name, prefix=prefix, rows=rows, bytes=size)
    moving.home.ledger().record_delivery(replace(told, details={**first.details, FILES: "1"}))


def _drop_weeks(moving: _Moving) -> None:
    """A weekly file for each week of the year: it comes on the Monday after the week."""
    for file, _, day in moving.dropped():
        monday = day - WEEK
        if monday >= monday_of(FIRST_DAY) + YEAR:
            # With its first day the next year has begun, whose file it is.
            continue
        for years in moving.back:
            older = monday - years * YEAR
            week = {moving.aged.week: str(number_of_week(older))}
            rows = moving.moved(f"read_csv('{file}', all_varchar = true)", years, week)
            key = f"{moving.folder}{older + WEEK}/{moving.table.name}-{older}.csv"
            moving.write(rows, key, "FORMAT csv, HEADER")


def _drop_events(moving: _Moving) -> None:
    """A file of events for each that came; those that hold none of the year are left out."""
    [time] = moving.aged.times
    of_year = in_first_year(time, moving.contract.time_zone)
    for file, key, day in moving.dropped():
        events = f"SELECT * FROM {moving.read_json([str(file)])} WHERE {of_year}"
        moving.database.execute(f"CREATE OR REPLACE TABLE events AS {events}")
        [(found,)] = moving.database.execute("SELECT count(*) FROM events").fetchall()
        for years in moving.back if found else ():
            older = day - years * YEAR
            there = key.replace(f"{day:%Y/%m/%d}", f"{older:%Y/%m/%d}").replace(
                f"{day:%Y-%m-%d}", f"{older:%Y-%m-%d}"
            )
            rows = moving.moved("events", years, {time: f"strftime({{}}, '{AS_TEXT}')"})
            moving.write(rows, there, "FORMAT json, COMPRESSION gzip")


_WAYS: Mapping[SourceKind, Callable[[_Moving], None]] = MappingProxyType(
    {
        "database": _add_to_load,
        "saas": _add_execution,
        "files": _drop_weeks,
        "stream": _drop_events,
    }
)
