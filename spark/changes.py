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
_SIGN, _MORE = "_sign", "_more_often"


def changed_rows(
    session: SparkSession,
    files: Mapping[str, Sequence[str]],
    table: Table,
    columns: Sequence[str] = (),
) -> DataFrame:
    """Rows, without their lineage, that one state of a table holds more often than the other.

    Args:
        session: the engine's session.
        files: URIs of the data files that only the later state has (`added`) and of those that only
            the earlier one has (`removed`).
        table: what they are files of.
        columns: what of a row counts; all of it if left out.
    """
    content = list(columns) or [name for name in table.column_names if not name.startswith("_")]
    counted = _both_sides(session, files, table, content).groupBy(*content)
    return counted.agg(F.sum(_SIGN).alias(_MORE)).where(f"{_MORE} <> 0").select(*content)


def changed_days(
    session: SparkSession,
    files: Mapping[str, Sequence[str]],
    table: Table,
    day: str,
    columns: Sequence[str],
    where: str = "true",
) -> DataFrame:
    """The days whose rows are not the same in both states of a table, each once, as `day`.

    A day's rows are counted and their hashes summed up: no row has to be compared with another.

    Args:
        session: the engine's session.
        files: see `changed_rows`.
        table: what they are files of.
        day: the column that says of which day a row is; rows without a day are of none.
        columns: what of a row counts.
        where: SQL for which rows count.
    """
    rows = _both_sides(session, files, table, sorted({day, *columns}), where)
    # A null leaves no trace in a hash, so whether there is one is hashed as well.
    values = [part for name in columns for part in (F.col(name), F.col(name).isNull())]
    told = F.xxhash64(*values).cast("decimal(20,0)") * F.col(_SIGN)
    days = (
        rows.where(F.col(day).isNotNull())
        # A computed column carries no description: days of several tables can be stacked.
        .select(F.greatest(day, day).alias("day"), told.alias("_told"), _SIGN)
        .groupBy("day")
        .agg(F.sum("_told").alias("_told"), F.sum(_SIGN).alias(_MORE))
    )
    return days.where(f"_told <> 0 OR {_MORE} <> 0").select("day")


def _both_sides(
    session: SparkSession,
    files: Mapping[str, Sequence[str]],
    table: Table,
    columns: Sequence[str],
    where: str = "true",
) -> DataFrame:
    """The rows of both states' own files, with `_sign`."""
    sides = [
        session.read.parquet(*files[side]).where(where).select(*columns, F.lit(sign).alias(_SIGN))
        for side, sign in _SIDES
        if files[side]
    ]
    if not sides:
        layout = ", ".join(f"{name} {table.column(name).type}" for name in columns)
        return session.createDataFrame([], f"{layout}, {_SIGN} int")
    return union(sides)
