"""What two engines made of the same input, side by side: equal, or the cells that differ.

Values are compared exactly, as text that tells -0.0 from 0.0 and 1.0 from 1.00. Types are not: a
writer casts every value to the type that the dictionary declares.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

SHOWN_ROWS = 10
SHOWN_CHARACTERS = 80

Row = tuple[str, ...]


def result_of(frame: DataFrame, folder: Path) -> pa.Table:
    """The rows of a frame, written by its engine and read by a reader that is none."""
    frame.coalesce(1).write.mode("overwrite").parquet(f"file://{folder}")
    tables = [pq.ParquetFile(file).read() for file in sorted(folder.glob("*.parquet"))]
    # Sail writes no file for no rows.
    return pa.concat_tables(tables) if tables else pa.table({name: [] for name in frame.columns})


def rows_of(table: pa.Table) -> list[Row]:
    """Every row as exact texts, in an order of their own."""
    columns = [_texts(table.column(position)) for position in range(table.num_columns)]
    return sorted(zip(*columns, strict=True))


def difference(one: pa.Table, other: pa.Table, *, names: tuple[str, str]) -> str:
    """Rows that only one of two tables has, and in which columns they differ; empty when equal.

    Args:
        one: a table.
        other: a table with the same columns.
        names: what the two are called.
    """
    if one.column_names != other.column_names:
        return f"columns {names[0]}: {one.column_names}, {names[1]}: {other.column_names}"
    ours, theirs = Counter(rows_of(one)), Counter(rows_of(other))
    only = [sorted((ours - theirs).elements()), sorted((theirs - ours).elements())]
    if not any(only):
        return ""
    lines = [f"{len(only[0])} rows only of {names[0]}, {len(only[1])} only of {names[1]}"]
    shown = _differing_columns(only, one.column_names)
    for name, rows in zip(names, only, strict=True):
        lines += [f"  {name:5} {_shown(row, one.column_names, shown)}" for row in rows[:SHOWN_ROWS]]
    return "\n".join(lines)


def _differing_columns(only: list[list[Row]], names: list[str]) -> set[str]:
    """Columns in which rows at the same place differ, where there is a row for each."""
    pairs = list(zip(*only, strict=False))
    differing = {
        name
        for position, name in enumerate(names)
        if any(one[position] != other[position] for one, other in pairs)
    }
    return differing or set(names)


def _shown(row: Row, names: list[str], differing: set[str]) -> str:
    cells = zip(names, row, strict=True)
    return " ".join(
        f"{name}={'*' if name in differing else ''}{text[:SHOWN_CHARACTERS]}"
        for position, (name, text) in enumerate(cells)
        if name in differing or position < 2
    )


def _texts(column: pa.ChunkedArray) -> list[str]:
    # Years before 1 and after 9999 are numbers to Arrow and errors to Python.
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    elif pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    values: list[Any] = column.to_pylist()
    return [repr(value) for value in values]
