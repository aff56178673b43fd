"""Which rows of a table changed between two of its states, read from the files that differ.

Files are what changes by: a merge writes all rows of a file again for the sake of one. So rows that
both states hold are set off against each other, however often each holds them; where they came from
is no content. What is left is what changed, whichever way it came about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.io import union

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.tables import Table

# How often a row is in a file counts for it in the later state and against it in the earlier one.
_SIDES = (("added", 1), ("removed", -1))


def changed_rows(
    session: SparkSession, files: Mapping[str, Sequence[str]], table: Table
) -> DataFrame:
    """Rows, without their lineage, that one state of a table holds more often than the other.

    Args:
        session: the engine's session.
        files: URIs of the data files that only the later state has (`added`) and of those that only
            the earlier one has (`removed`).
        table: what they are files of.
    """
    content = [name for name in table.column_names if not name.startswith("_")]
    sides = [
        session.read.parquet(*files[side]).select(*content, F.lit(sign).alias("_sign"))
        for side, sign in _SIDES
        if files[side]
    ]
    if not sides:
        layout = ", ".join(f"{name} {table.column(name).type}" for name in content)
        return session.createDataFrame([], layout)
    counted = union(sides).groupBy(*content).agg(F.sum("_sign").alias("_more_often"))
    return counted.where("_more_often <> 0").select(*content)
