"""One frame from batches that were made clean by successive versions of a contract.

Such versions only ever add columns and widen types (docs/drift.md), so older rows are read with
null where they had no such column, and with the wider type. The hazard is the reader that takes one
file's columns for those of all: then a column is missing everywhere, or a value is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql.functions import expr

from spark.io import union
from spark.tables.widening import holds
from spark.transforms.typing import named

Types = tuple[tuple[str, str], ...]


def together(frames: Sequence[DataFrame]) -> DataFrame:
    """All rows of the frames, with every column that one of them has.

    Raises:
        ValueError: two have a column of the same name and of types that do not hold each other.
    """
    types = [_types(frame) for frame in frames]
    if len(set(types)) == 1:
        return union(frames)
    wanted = widest(types)
    return union([_as(frame, dict(found), wanted) for frame, found in zip(frames, types)])


def widest(layouts: Sequence[Types]) -> dict[str, str]:
    """Every column in order of appearance, with the type that holds its values in all layouts.

    Raises:
        ValueError: no type of one of them does.
    """
    wanted: dict[str, str] = {}
    for name, kind in (column for layout in layouts for column in layout):
        known = wanted.setdefault(name, kind)
        if known != kind and holds(kind, known):
            wanted[name] = kind
        elif known != kind and not holds(known, kind):
            raise ValueError(
                f"Column {name}: found {known} in some clean batches and {kind} in others, "
                "expected types of which one holds the other. Materialize the clean asset again "
                "for the days of the older ones."
            )
    return wanted


def _types(frame: DataFrame) -> Types:
    return tuple((field.name, field.dataType.simpleString()) for field in frame.schema.fields)


def _as(frame: DataFrame, found: dict[str, str], wanted: dict[str, str]) -> DataFrame:
    return frame.select(
        *(
            expr(f"CAST({named(name) if name in found else 'NULL'} AS {kind})").alias(name)
            for name, kind in wanted.items()
        )
    )
