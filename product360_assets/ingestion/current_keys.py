"""The keys that the platform has as current, and which of them a list of keys lacks.

Read from clean, which holds the typed changes in the source's order: of each key the last change
decides. Only the columns that this takes are read, and what does not fit in memory is spilled.

The hazard: a key that changed after the list was asked for says nothing about the list. Such keys
are not judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from product360_assets.core.contract import ColumnContract, TableContract
from resources.arrow_files import file_system, parquet_keys
from resources.errors import SourceRejected
from resources.objects import ObjectStore

if TYPE_CHECKING:
    import duckdb

_MEMORY = "512MB"
_ROWS_AT_ONCE = 10_000
_ORDER = ("_epoch", "_committed_at", "_change_sequence", "_operation")
_DUCKDB_TYPES = {"string": "VARCHAR", "int": "INTEGER", "timestamp": "TIMESTAMPTZ"}


@dataclass(frozen=True)
class Missing:
    """Keys that are current here and not in a list; `keys` is a file of JSON lines.

    Attributes:
        listed: keys in the list.
        current: keys that are current here and could be judged.
        missing: how many of these the list lacks.
    """

    keys: Path
    listed: int
    current: int
    missing: int


def missing_keys(
    table: TableContract,
    *,
    clean: ObjectStore,
    locations: Sequence[str],
    listed: Sequence[Path],
    before: datetime,
    scratch: Path,
) -> Missing:
    """Which current keys a list lacks, written to a file in `scratch`.

    Args:
        table: whose keys; they are in the list under their names at the source.
        clean: the zone of the clean rows.
        locations: URIs of the clean batches, each a folder.
        listed: the list, as files of JSON lines.
        before: keys that changed at this moment or later are not judged.
        scratch: a folder for files.

    Raises:
        SourceRejected: a listed key is not of the type that its column is declared with.
    """
    import duckdb

    with duckdb.connect(config={"memory_limit": _MEMORY, "threads": 2}) as session:
        session.execute(f"SET temp_directory = '{scratch}/spill'")
        _take_list(session, table, listed)
        _take_current(session, table, clean, locations, before)
        keys = ", ".join(f'"{name}"' for name in table.key)
        session.execute(
            f"CREATE TABLE missing AS SELECT {keys} FROM current"
            f" ANTI JOIN listed USING ({keys}) ORDER BY ALL"
        )
        path = scratch / "missing.json"
        with path.open("w", encoding="utf-8") as file:
            for record in _records(session, table):
                file.write(json.dumps(record, default=_json_value, ensure_ascii=False) + "\n")
        counted = [_count(session, name) for name in ("listed", "current", "missing")]
        return Missing(path, *counted)


def key_columns(table: TableContract) -> list[ColumnContract]:
    """The columns of a table's key, in its order."""
    columns = {column.name: column for column in table.columns}
    return [columns[name] for name in table.key]


def _take_list(
    session: duckdb.DuckDBPyConnection, table: TableContract, listed: Sequence[Path]
) -> None:
    """The list as the table `listed`, typed as clean is."""
    columns = key_columns(table)
    texts = ", ".join(f'"{column.delivered_name}" VARCHAR' for column in columns)
    session.execute(f"CREATE TABLE listed_text ({texts})")
    for path in listed:
        session.read_json(
            str(path),
            format="newline_delimited",
            columns={column.delivered_name: "VARCHAR" for column in columns},
        ).insert_into("listed_text")
    typed = ", ".join(
        f'TRY_CAST("{column.delivered_name}" AS {_duckdb_type(column.type)}) AS "{column.name}"'
        for column in columns
    )
    session.execute(f"CREATE TABLE listed AS SELECT DISTINCT {typed} FROM listed_text")
    untyped = " OR ".join(f'"{column.name}" IS NULL' for column in columns)
    if _count(session, f"listed WHERE {untyped}"):
        raise SourceRejected(
            f"the keys of {table.delivered_name}",
            found="a key that is no value of its column's type",
            expected=f"values for {', '.join(table.key)}, as the contract declares them",
            next_move="correct the type in the source's defs.yaml, or `key`",
        )


def _take_current(
    session: duckdb.DuckDBPyConnection,
    table: TableContract,
    clean: ObjectStore,
    locations: Sequence[str],
    before: datetime,
) -> None:
    """The keys whose last change is no deletion and came before a moment, as `current`."""
    import pyarrow.dataset as pads

    files, root = file_system(clean)
    prefixes = [f"{location.removeprefix(f'{clean.uri}/').rstrip('/')}/" for location in locations]
    paths = [f"{root}/{key}" for prefix in prefixes for key in parquet_keys(clean, prefix)]
    if not paths:
        session.execute("CREATE TABLE current AS SELECT * FROM listed LIMIT 0")
        return
    changes = pads.dataset(paths, filesystem=files, format="parquet")
    scanner = changes.scanner(columns=list(dict.fromkeys([*table.key, *_ORDER])))
    session.register("changes", scanner.to_reader())
    keys = ", ".join(f'"{name}"' for name in table.key)
    session.execute(
        f"""
        CREATE TABLE current AS
        SELECT {keys} FROM (
            SELECT {keys}, _operation, _committed_at FROM changes
            QUALIFY row_number() OVER (
                PARTITION BY {keys}
                ORDER BY _epoch DESC, _committed_at DESC NULLS LAST,
                    coalesce(_change_sequence, '') DESC, _operation = 'D' DESC
            ) = 1
        )
        WHERE _operation <> 'D' AND epoch_us(_committed_at) < ?
        """,
        [int(before.timestamp()) * 1_000_000 + before.microsecond],
    )


def _records(session: duckdb.DuckDBPyConnection, table: TableContract) -> Iterator[dict[str, Any]]:
    names = [column.delivered_name for column in key_columns(table)]
    found = session.execute("SELECT * FROM missing")
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        for row in rows:
            yield dict(zip(names, row, strict=True))


def _count(session: duckdb.DuckDBPyConnection, name: str) -> int:
    # All of it: a connection with a result that is not read to its end refuses other work.
    [(rows,)] = session.execute(f"SELECT count(*) FROM {name}").fetchall()
    return int(rows)


def _duckdb_type(kind: str) -> str:
    return _DUCKDB_TYPES.get(kind, kind.upper())


def _json_value(value: object) -> object:
    """A value that JSON has no word for, as clean reads it back."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
