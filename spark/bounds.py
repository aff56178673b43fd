"""Where in a partitioned table the rows can be that a merge is about.

Engines choose the files to read by the literals of a merge's condition (Sail by typed ones only, so
no CAST), never by its join. So the literals are found out before.

The hazard is a row whose day changes: it has to be found in the partition that it leaves. Where the
key holds the day, a row with another day is another row; where it does not, the table is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from spark.tables import Table


def bounds(rows: DataFrame, days: Sequence[str], table: Table) -> list[str]:
    """Conditions on a table, by its name, that keep a merge to the partitions that rows are in.

    Args:
        rows: every row of either side that may meet one of the other.
        days: columns that partition the table and are never null.
        table: what is merged into.
    """
    found = []
    for day in days:
        first, last = rows.agg(F.min(day), F.max(day)).collect()[0]
        if first is not None:
            found.append(f"{table.name}.{day} BETWEEN DATE '{first}' AND DATE '{last}'")
    return found


def where_they_meet(rows: DataFrame, held: DataFrame, table: Table) -> list[str]:
    """Conditions that hold for every row that a table, by its name, holds of some rows' keys.

    A key without the day costs a look at the keys and days of the whole table; the merge without
    these conditions would look at everything in it.

    Args:
        rows: what is merged.
        held: what the table holds.
        table: what the rows are of.
    """
    days = [name for name in table.partition_columns if table.column(name).type == "date"]
    if all(day in table.key for day in days):
        return bounds(rows, days, table)
    if any(table.column(day).nullable for day in days):
        return []  # what has no day may lie anywhere
    keys = F.broadcast(rows.select(*table.key))
    there = keys.join(held.select(*table.key, *days), on=list(table.key), how="inner")
    return bounds(rows.select(*days).unionAll(there.select(*days)), days, table)
