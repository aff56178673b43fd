"""Sums of numbers and a checksum of keys, file by file, of raw as of clean, by one engine.

DuckDB reads raw itself and types what it reads, so it is an opinion of its own on what the jobs
made of it. Integers and decimals are summed exactly; doubles are not summed, as their order decides
the last bit. The checksum of keys is order-free: it tells a file whose rows were exchanged from one
that is whole.

The hazard is text that DuckDB reads in another way than clean, or not at all: its sums would differ
where nothing is wrong. So sums are taken to be comparable only where both read as many rows, and
clean set none of them aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from product360_assets.core.contract import ColumnContract, FileFormat, TableContract
from product360_assets.governance.known_erased import NOBODY_KNOWN, KnownErased
from resources.arrow_files import file_system
from resources.objects import ObjectStore

if TYPE_CHECKING:
    import duckdb

KEY_CHECKSUM = "checksum of keys"
_MEMORY = "1GB"
# So many bytes of raw are read at once; what lies in a bucket is copied here for that.
_BYTES_AT_ONCE = 256 * 1024 * 1024
_INTEGERS = ("int", "bigint")
_SUMMED_KEYS = ("string", "date", *_INTEGERS)
_LOW_64_BITS = (1 << 64) - 1
_READERS: Mapping[FileFormat, str] = {
    "parquet": "read_parquet($files, union_by_name = true, filename = '_file')",
    "json": "read_json($files, format = 'newline_delimited', filename = '_file', columns = $types)",
    "csv": "read_csv($files, all_varchar = true, header = true, delim = ',', quote = '\"', "
    "escape = '\"', union_by_name = true, filename = '_file')",
}


@dataclass(frozen=True)
class FileSums:
    """Rows of one file, and its sums by column; the checksum of keys is one of them.

    `erased` are the parts of these sums that are keys of erased subjects, by column and request;
    only raw has any.
    """

    rows: int
    sums: Mapping[str, Decimal]
    erased: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)


def summed_columns(table: TableContract) -> list[ColumnContract]:
    """The columns whose sums say something: exact numbers that clean keeps as they are."""
    return [
        column
        for column in table.columns
        if column.treatment == "keep"
        and (column.type in _INTEGERS or column.type.startswith("decimal"))
    ]


def raw_sums(
    table: TableContract,
    raw: ObjectStore,
    keys: Sequence[str],
    sizes: Mapping[str, int],
    known: KnownErased = NOBODY_KNOWN,
) -> dict[str, FileSums]:
    """Sums of raw files by key; a file that DuckDB cannot read has none.

    Raises:
        SecretMissing: somebody was erased, and cannot be recognised here.
    """
    found: dict[str, FileSums] = {}
    for some in _portions(keys, sizes):
        with _local(raw, some) as paths, _session() as session:
            found |= _readable(session, table, paths, known)
    return found


def clean_sums(
    table: TableContract, clean: ObjectStore, keys: Sequence[str]
) -> dict[str, FileSums]:
    """Sums of clean rows by the raw file that they came from."""
    import pyarrow.dataset as pads

    if not keys:
        return {}
    files, root = file_system(clean)
    rows = pads.dataset([f"{root}/{key}" for key in keys], filesystem=files, format="parquet")
    wanted = {"_source_file", *table.key, *(column.name for column in summed_columns(table))}
    present = [name for name in rows.schema.names if name in wanted]
    with _session() as session:
        session.register("read", rows.scanner(columns=present).to_reader())
        return _summed(session, table, {name: name for name in present}, "_source_file")


def _readable(
    session: duckdb.DuckDBPyConnection,
    table: TableContract,
    paths: Mapping[str, str],
    known: KnownErased,
) -> dict[str, FileSums]:
    """Sums of the files that can be read, all at once, else by halves; by their key in raw."""
    import duckdb

    try:
        columns = _read(session, table, list(paths))
        by_path = _summed(session, table, columns, "_file")
        erased = _erased(session, table, columns, known)
    except duckdb.Error:
        if len(paths) == 1:
            return {}
        half = len(paths) // 2
        return {
            **_readable(session, table, dict(list(paths.items())[:half]), known),
            **_readable(session, table, dict(list(paths.items())[half:]), known),
        }
    return {
        paths[path]: replace(sums, erased=erased.get(path, {})) for path, sums in by_path.items()
    }


def _erased(
    session: duckdb.DuckDBPyConnection,
    table: TableContract,
    columns: Mapping[str, str],
    known: KnownErased,
) -> dict[str, dict[tuple[str, str], Decimal]]:
    """What erased keys are of the sums of `read`, by file."""
    found: dict[str, dict[tuple[str, str], Decimal]] = {}
    for column in summed_columns(table):
        recognise = known.recognise(column.subject)
        if recognise is None or column.erasure != "anonymise" or column.name not in columns:
            continue  # a row that goes as a whole is set aside, and no sum of its file is compared
        key = _typed(column, columns[column.name])
        rows = session.execute(
            f"SELECT _file, {key} AS key, count(*) FROM read GROUP BY ALL HAVING key IS NOT NULL"
        ).fetchall()
        for file, value, times in rows:
            if request := recognise(f"{value:f}"):
                parts = found.setdefault(file, {})
                place = (column.name, request)
                parts[place] = parts.get(place, Decimal(0)) + value * times
    return found


def _read(
    session: duckdb.DuckDBPyConnection, table: TableContract, paths: list[str]
) -> dict[str, str]:
    """Make the view `read` of the files and return its columns, by their name in clean."""
    types = {column.delivered_name: "VARCHAR" for column in table.columns}
    reader = _READERS[table.format].replace("$files", _literal(paths))
    session.execute(
        f"CREATE OR REPLACE TEMP VIEW read AS FROM {reader.replace('$types', _literal(types))}"
    )
    described = session.execute("DESCRIBE read").fetchall()
    there = {name for name, *_ in described}
    return {
        column.name: column.delivered_name
        for column in table.columns
        if column.delivered_name in there
    }


def _summed(
    session: duckdb.DuckDBPyConnection,
    table: TableContract,
    columns: Mapping[str, str],
    file: str,
) -> dict[str, FileSums]:
    """Sums of `read` by file. `columns` maps names in clean to names there."""
    parts = {
        column.name: f"sum({_typed(column, columns[column.name])})"
        for column in summed_columns(table)
        if column.name in columns
    }
    keys = [column for column in table.columns if column.name in table.key]
    if all(
        column.name in columns and column.treatment == "keep" and column.type in _SUMMED_KEYS
        for column in keys
    ):
        text = ", ".join(_text(column, columns[column.name]) for column in keys)
        parts[KEY_CHECKSUM] = f"sum(hash(concat({text})))"
    selected = ", ".join(["count(*)", *parts.values()])
    rows = session.execute(f'SELECT "{file}", {selected} FROM read GROUP BY 1').fetchall()
    return {
        name: FileSums(
            count,
            {column: _number(column, value) for column, value in zip(parts, sums, strict=True)},
        )
        for name, count, *sums in rows
    }


def _typed(column: ColumnContract, name: str) -> str:
    """SQL for a value as the contract types it; null for what is no such value."""
    kind = {"int": "DECIMAL(38,0)", "bigint": "DECIMAL(38,0)", "string": "VARCHAR"}
    if column.type.startswith("decimal"):
        scale = column.type.rstrip(")").rpartition(",")[2]
        return f'TRY_CAST("{name}" AS DECIMAL(38,{scale}))'
    return f'TRY_CAST("{name}" AS {kind.get(column.type, column.type.upper())})'


def _text(column: ColumnContract, name: str) -> str:
    """SQL for a value's text, by which no two rows of different keys share theirs."""
    text = f"{_typed(column, name)}::VARCHAR"
    return f"coalesce(length({text}) || ':' || {text}, 'N')"


def _number(column: str, value: int | Decimal | None) -> Decimal:
    number = Decimal(value or 0)
    return Decimal(int(number) & _LOW_64_BITS) if column == KEY_CHECKSUM else number


@contextmanager
def _session() -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    with (
        TemporaryDirectory(prefix="sums-") as spill,
        duckdb.connect(config={"memory_limit": _MEMORY, "threads": 2}) as session,
    ):
        session.execute(f"SET temp_directory = '{spill}'")
        yield session


@contextmanager
def _local(store: ObjectStore, keys: Sequence[str]) -> Iterator[dict[str, str]]:
    """Paths of the objects on this machine, with their keys; copies, where the store is away."""
    if store.uri.startswith("file://"):
        root = store.uri.removeprefix("file://")
        yield {f"{root}/{key}": key for key in keys}
        return
    with TemporaryDirectory(prefix="raw-") as folder:
        paths = {}
        for number, key in enumerate(keys):
            # Its ending says how it is compressed.
            path = Path(folder) / f"{number}-{key.rpartition('/')[2]}"
            with path.open("wb") as file:
                file.writelines(store.stream(key))
            paths[str(path)] = key
        yield paths


def _portions(keys: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    taken: list[str] = []
    size = 0
    for key in keys:
        if taken and size + sizes[key] > _BYTES_AT_ONCE:
            yield taken
            taken, size = [], 0
        taken.append(key)
        size += sizes[key]
    if taken:
        yield taken


def _literal(value: list[str] | Mapping[str, str]) -> str:
    """SQL for a list of texts, or for a struct of them."""

    def text(each: str) -> str:
        return "'" + each.replace("'", "''") + "'"

    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]"
    return "{" + ", ".join(f"{text(name)}: {text(kind)}" for name, kind in value.items()) + "}"
