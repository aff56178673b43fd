"""Which rows of a table stand, by what was delivered of it: what a TRUNCATE takes away.

The log says of a TRUNCATE only that it happened. Its rows are known from the files that were
delivered, the last change of each key by the order of the task.

The hazard: a table may be larger than memory. DuckDB reads the files and spills what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from resources.local.dms_shapes import DELETE
from resources.replication import CHANGE_SEQUENCE, COMMIT_TIME, OPERATION

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from resources.objects import ObjectStore

_MEMORY: Final = "200MB"
_ROWS_AT_ONCE: Final = 20_000


def standing_keys(
    landing: ObjectStore, prefixes: Sequence[str], key: Sequence[str], *, scratch: Path
) -> Iterator[pa.RecordBatch]:
    """The keys of a table's rows that were delivered below these prefixes and not deleted."""
    files = [
        landing.uri_of(info.key).removeprefix("file://")
        for prefix in prefixes
        for info in landing.list(prefix)
        if info.key.endswith(".parquet")
    ]
    if not files:
        return
    columns = ", ".join(_quoted(column) for column in key)
    with spilling_database(scratch) as database:
        found = database.execute(
            f"""
            SELECT {columns} FROM read_parquet(?, union_by_name = true) GROUP BY ALL
            HAVING arg_max({OPERATION}, {COMMIT_TIME} || {CHANGE_SEQUENCE}) <> '{DELETE}'
            """,
            [files],
        )
        yield from found.to_arrow_reader(_ROWS_AT_ONCE)


@contextmanager
def spilling_database(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that keeps what does not fit in `scratch`."""
    import duckdb

    with duckdb.connect(
        config={"memory_limit": _MEMORY, "temp_directory": str(scratch / "spilled"), "threads": 2}
    ) as database:
        yield database


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
