"""From a change log to its latest state: the last change of each key, by the source's own order.

Changes are ordered by load epoch, commit time and change sequence. Where those tie, a delete wins,
then the greater content hash: any rule would do, but it must not depend on file, row or arrival,
or the same changes delivered in another order would end in another table.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql.functions import (
    coalesce,
    col,
    concat_ws,
    date_format,
    lit,
    row_number,
    struct,
    when,
)

from spark.transforms.hashing import content_hash
from spark.transforms.repetition import split_by_repetition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

# All digits of a time, also its zeros: "05" would sort behind "05.5" otherwise.
_SORTABLE_TIME = "yyyy-MM-dd HH:mm:ss.SSSSSS"


def change_order() -> Column:
    """The place of a change in its source's history, as text that sorts like the history."""
    committed_at = date_format(col("_committed_at"), _SORTABLE_TIME)
    parts = (col("_epoch"), committed_at, col("_change_sequence"))
    # A blank sorts before everything that the parts are made of.
    return concat_ws(" ", *(coalesce(part, lit("")) for part in parts))


def in_order(changes: DataFrame) -> DataFrame:
    """Changes with their place in history as `_change_order`; one that has it keeps it."""
    if "_change_order" in changes.columns:
        return changes
    return changes.withColumn("_change_order", change_order())


def committed_on_delivery(changes: DataFrame) -> DataFrame:
    """Changes that name no commit time, as files have none, ordered by the day of their delivery.

    What a later delivery says of a key then stands, in whatever order the deliveries are read.
    """
    delivered_at = col("_landing_date").cast("timestamp")
    return changes.withColumn("_committed_at", coalesce("_committed_at", delivered_at))


def latest_changes(changes: DataFrame, key: Sequence[str]) -> DataFrame:
    """One row per key: its last change, deletes included, with `_change_order`.

    Args:
        changes: clean rows with their lineage columns.
        key: the business key.
    """
    ordered = in_order(changes)
    content = {name: kind for name, kind in sorted(changes.dtypes) if not name.startswith("_")}
    newest_first = Window.partitionBy(*key).orderBy(
        col("_change_order").desc(),
        (col("_operation") == "D").desc(),
        content_hash(content).desc(),
        # Equal content in every respect: which delivery is named does not change a value.
        col("_batch_id").asc(),
    )
    # Sorting all rows would cost five times what it costs to find the few keys that repeat.
    single, several = split_by_repetition(ordered, key=key)
    placed = several.withColumn("_place", row_number().over(newest_first))
    return single.unionAll(placed.where("_place = 1").drop("_place"))


def standing(latest: DataFrame) -> DataFrame:
    """The rows of `latest_changes` that were not deleted."""
    return latest.where("_operation <> 'D'")


def joined_lineage(own: str, *joined: str) -> list[Column]:
    """`_batch_id` and `_change_order` of a row that others were joined to.

    The order is the row's own: with that of a newer side, an old change of the row would pass for
    new. The batch is the one that changed anything last.

    Args:
        own: alias of the frame whose rows they are.
        joined: aliases of the other frames; a side without a match does not count.
    """
    changed = [
        struct(
            coalesce(col(f"{side}._change_order"), lit("")).alias("_change_order"),
            coalesce(col(f"{side}._batch_id"), lit("")).alias("_batch_id"),
        )
        for side in (own, *joined)
    ]
    newest = reduce(lambda one, other: when(other > one, other).otherwise(one), changed)
    return [
        newest["_batch_id"].alias("_batch_id"),
        col(f"{own}._change_order").alias("_change_order"),
    ]
