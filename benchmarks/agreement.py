"""Whether a script and the platform made the same: counts, sums and digests of every table.

A comparison of costs is worth nothing when the sides did different work, so a difference ends the
bench. Clean is compared by its counts and by sums over every column; published tables by the
content digest that also compares engines, or by such sums where a digest would take longer than
what is measured. Lineage columns are left out: they name each side's own deliveries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from benchmarks.homes import BenchmarkFailed, Home
from product360_assets.core.contract import SourceContract, TableContract, load_contracts
from product360_assets.core.states import CLEAN
from resources.digests import content_digest
from spark.tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

Counts = Mapping[str, int]
# A digest takes some microseconds a row.
DIGESTED_ROWS = 2_000_000


def platform_counts(home: Home) -> dict[str, dict[str, int]]:
    """Rows in, out and quarantined of each clean table, by the platform's own ledger."""
    ledger = home.ledger()
    return {
        f"{contract.name}.{table.name}": {
            "in": sum(state.rows_in for state in states),
            "out": sum(state.rows_out for state in states),
            "quarantined": sum(state.rows_quarantined for state in states),
        }
        for contract, table in _tables()
        for states in [ledger.zone_states(contract.name, table.name, CLEAN).values()]
    }


def published_rows(home: Home) -> dict[str, int]:
    """Rows of every published table that has any."""
    catalog = home.catalog()
    loaded = catalog.load()
    return {
        identifier: int(catalog.table(identifier).scan().count())
        for identifier in TABLES
        if loaded.table_exists(identifier)
    }


def expect_agreement(home: Home, script: str, out: Path) -> None:
    """Compare what the platform made in a home with what a script left in a folder.

    Raises:
        BenchmarkFailed: they differ; the message says where.
    """
    told = json.loads((out / "counts.json").read_text())
    for side in (_clean_counts(home, told), _clean_sums(home, out), _published(home, out, told)):
        for what, ours, theirs in side:
            if ours != theirs:
                raise BenchmarkFailed(f"{what}: the platform has {ours}, the {script} has {theirs}")


def _clean_counts(home: Home, told: Mapping[str, Any]) -> Iterator[tuple[str, Counts, Counts]]:
    for table, counts in platform_counts(home).items():
        yield f"rows of clean {table}", counts, told["clean"].get(table, {})


def _clean_sums(home: Home, out: Path) -> Iterator[tuple[str, object, object]]:
    ledger, store = home.ledger(), home.resources()["lake"].zone("clean")
    for contract, table in _tables():
        states = ledger.zone_states(contract.name, table.name, CLEAN).values()
        root = home.path / "lake" / "clean"
        # A location is a URI or a key of the zone.
        keys = [state.location.removeprefix(store.uri).strip("/") for state in states]
        ours = [f"{root}/{key}/*.parquet" for key in keys]
        theirs = [f"{out}/clean/{contract.name}.{table.name}/*/*.parquet"]
        columns = [(column.name, column.published_type) for column in table.published_columns]
        sums = [
            _sums(columns, f"read_parquet({files}, hive_partitioning = false)")
            for files in (ours, theirs)
        ]
        yield f"sums over clean {table.name}", sums[0], sums[1]


def _sums(columns: Iterable[tuple[str, str]], rows: str | pa.RecordBatchReader) -> object:
    """How many rows there are, and one sum for each column: of numbers as they are, else by hash.

    Args:
        columns: names and Spark types.
        rows: a relation in DuckDB's SQL, or Arrow.
    """
    sums = ", ".join(_sum(name, kind) for name, kind in columns)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if not isinstance(rows, str):
            connection.register("rows_to_sum", rows)
            rows = "rows_to_sum"
        return connection.execute(f"SELECT count(*), {sums} FROM {rows}").fetchone()


def _sum(name: str, kind: str) -> str:
    if kind in ("int", "bigint") or kind.startswith("decimal"):
        return f"sum({name})"
    value = f"epoch_us(CAST({name} AS TIMESTAMPTZ))" if kind == "timestamp" else name
    return f"sum(hash(CAST({value} AS VARCHAR))::HUGEINT) FILTER ({name} IS NOT NULL)"


def _published(
    home: Home, out: Path, told: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    from benchmarks.plain.iceberg import open_catalog

    theirs, ours = open_catalog(out), home.catalog().load()
    for identifier, rows in told["curated"].items():
        columns = [(c.name, c.type) for c in TABLES[identifier].columns if c.name[0] != "_"]
        names = tuple(name for name, _ in columns)
        readers = [
            side.load_table(identifier).scan(selected_fields=names).to_arrow_batch_reader()
            for side in (ours, theirs)
        ]
        if rows <= DIGESTED_ROWS:
            yield f"digest of {identifier}", content_digest(readers[0]), content_digest(readers[1])
        else:
            yield f"sums over {identifier}", _sums(columns, readers[0]), _sums(columns, readers[1])


def _tables() -> Iterator[tuple[SourceContract, TableContract]]:
    for contract in load_contracts().values():
        for table in contract.tables:
            yield contract, table
