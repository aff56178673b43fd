"""Looks at files or at a database's table, and says what a source contract would have to know.

DuckDB reads at most so many rows of text and counts. Types are judged by the same patterns as
later, when the data is made clean: what no job could read is not proposed. The hazard is the file
itself: it comes from anywhere. So only the named files can be opened, no extension is loaded, and
the configuration is locked before the first byte is read.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from resources.errors import SourceRejected
from resources.local.profile_sql import (
    PATTERNS,
    column_facts,
    literal,
    parquet_type,
    quoted,
    text_type,
)
from resources.profiles import ColumnProfile, TableProfile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 200_000
MOST_FILES = 100
# Few enough to be an enumeration.
FEW_VALUES = 12
_SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
_LONGEST_HEADER = 1_000_000
_MOST_COLUMNS_OF_A_KEY = 3
_MOST_KEY_CANDIDATES = 6


def profile_files(path: Path) -> TableProfile:
    """A sample of a file, or of the files of one format below a folder.

    Raises:
        SourceRejected: no data file there, or none that can be read.
    """
    files, file_format = _data_files(path)
    with fenced([str(file) for file in files]) as session:
        import duckdb

        try:
            session.execute(
                f"CREATE TABLE sample AS {_reading(session, files, file_format)} "
                f"LIMIT {SAMPLE_ROWS + 1}"
            )
            return profile_sample(session, file_format)
        except duckdb.Error as error:
            raise SourceRejected(
                str(path),
                found=str(error).strip().splitlines()[0],
                expected=f"readable {file_format}",
                next_move="correct the file; CSV has commas and a header, JSON one object a line",
            ) from error


@contextmanager
def fenced(paths: Sequence[str] = ()) -> Iterator[DuckDBPyConnection]:
    """An empty database that can read these files and nothing else."""
    import duckdb

    session = duckdb.connect(":memory:", config={"memory_limit": "1GB"})
    try:
        listed = ", ".join(literal(path) for path in paths)
        session.execute(f"SET allowed_paths = [{listed}]")
        for setting in (
            "python_enable_replacements = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            session.execute(f"SET {setting}")
        yield session
    finally:
        session.close()


def profile_sample(
    session: DuckDBPyConnection,
    file_format: str,
    *,
    types: Mapping[str, str] | None = None,
    nullable: Mapping[str, bool] | None = None,
    primary_key: Sequence[str] = (),
) -> TableProfile:
    """The profile of the session's table `sample`.

    Args:
        session: holds the rows; more than `SAMPLE_ROWS` say that there are others.
        file_format: how the rows are delivered.
        types: declared types by column, where the source has them.
        nullable: whether the source lets a column be null.
        primary_key: the source's own.
    """
    described = session.execute("DESCRIBE sample").fetchall()
    [(rows,)] = session.execute("SELECT count(*) FROM sample").fetchall()
    left_out = {name: kind for name, kind, *_ in described if parquet_type(kind) is None}
    columns = [
        _column(session, name, kind, (types or {}).get(name), (nullable or {}).get(name))
        for name, kind, *_ in described
        if name not in left_out
    ]
    keys = [tuple(primary_key)] if primary_key else list(_keys(session, columns, rows))
    whole = rows <= SAMPLE_ROWS
    return TableProfile(file_format, rows, whole, tuple(columns), tuple(keys), left_out)


def _data_files(path: Path) -> tuple[list[Path], str]:
    """The files to read and their format: the one that most files have."""
    found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    formats = {file: kind for file in found if (kind := _format(file)) and file.stat().st_size}
    if not formats:
        raise SourceRejected(
            str(path),
            found="no data file" if path.exists() else "nothing",
            expected="a file, or a folder of files, in Parquet, CSV or JSON lines",
            next_move="name another path; the format is seen from the name's ending",
        )
    [(file_format, _)] = Counter(formats.values()).most_common(1)
    chosen = [file.absolute() for file, kind in formats.items() if kind == file_format]
    return chosen[:MOST_FILES], file_format


def _format(path: Path) -> str | None:
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return _SUFFIXES.get(plain.suffix.lower())


def _reading(session: DuckDBPyConnection, files: Sequence[Path], file_format: str) -> str:
    """SQL that reads the files; CSV and JSON as text."""
    listed = ", ".join(literal(str(file)) for file in files)
    if file_format == "parquet":
        return f"FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
    if file_format == "csv":
        return " UNION ALL BY NAME ".join(map(_reading_csv, files))
    objects = f"FROM read_ndjson_objects([{listed}], ignore_errors = true)"
    names = session.execute(
        "SELECT name FROM (SELECT unnest(json_keys(json)) AS name, "
        f"generate_subscripts(json_keys(json), 1) AS place FROM (SELECT json {objects} "
        f"LIMIT {SAMPLE_ROWS})) GROUP BY name ORDER BY min(place), name"
    ).fetchall()
    pointers = ((name, name.replace("~", "~0").replace("/", "~1")) for (name,) in names)
    fields = [
        f"json_extract_string(json, {literal('/' + pointer)}) AS {quoted(name)}"
        for name, pointer in pointers
    ]
    return f"SELECT {', '.join(fields)} {objects} WHERE json IS NOT NULL"


def _reading_csv(file: Path) -> str:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        line = stream.readline(_LONGEST_HEADER).decode("utf-8-sig", errors="replace")
    header = next(csv.reader([line]), [])
    columns = ", ".join(f"{literal(name.strip())}: 'VARCHAR'" for name in header)
    return (
        f"FROM read_csv({literal(str(file))}, auto_detect = false, header = true, "
        f"delim = ',', quote = '\"', escape = '\"', ignore_errors = true, columns = {{{columns}}})"
    )


def _column(
    session: DuckDBPyConnection, name: str, kind: str, declared: str | None, nullable: bool | None
) -> ColumnProfile:
    [(nulls, distinct, minimum, *shares)] = session.execute(column_facts(name)).fetchall()
    found = declared or (text_type(session, name) if kind == "VARCHAR" else parquet_type(kind))
    listed: list[tuple[str]] = []
    if 0 < distinct <= FEW_VALUES:
        listed = session.execute(
            f"SELECT DISTINCT CAST({quoted(name)} AS VARCHAR) AS value FROM sample "
            "WHERE value IS NOT NULL ORDER BY value"
        ).fetchall()
    return ColumnProfile(
        name,
        found or "string",
        nulls,
        distinct,
        minimum,
        tuple(value for (value,) in listed),
        dict(zip(PATTERNS, shares, strict=True)),
        nullable,
    )


def _keys(
    session: DuckDBPyConnection, columns: Sequence[ColumnProfile], rows: int
) -> Iterator[tuple[str, ...]]:
    """Columns that tell all rows apart: single ones, else the smallest sets of likely ones."""
    if not rows:
        return
    complete = [column for column in columns if not column.nulls and column.type != "double"]
    single = [(column.name,) for column in complete if column.distinct == rows]
    yield from single
    if single:
        return
    likely = sorted(complete, key=lambda column: -column.distinct)[:_MOST_KEY_CANDIDATES]
    for size in range(2, _MOST_COLUMNS_OF_A_KEY + 1):
        found = [
            names
            for names in combinations([column.name for column in likely], size)
            if _is_unique(session, names, rows)
        ]
        yield from found
        if found:
            return


def _is_unique(session: DuckDBPyConnection, names: Sequence[str], rows: int) -> bool:
    listed = ", ".join(map(quoted, names))
    query = f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM sample)"
    [(distinct,)] = session.execute(query).fetchall()
    return bool(distinct == rows)
