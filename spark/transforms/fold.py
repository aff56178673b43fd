"""From a change log to its latest state: the last change of each key, by the source's own order.

Changes are ordered by load epoch, commit time and change sequence. Where those tie, a delete wins,
then the greater content hash: any rule would do, but it must not depend on file, row or arrival,
or the same changes delivered in another order would end in another table.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

_UNIT_SEPARATOR = "\x1f"


def change_order() -> Column:
    """The place of a change in its source's history, as text that sorts like the history."""
    parts = (
        F.col("_epoch"),
        F.coalesce(F.col("_committed_at").cast("string"), F.lit("")),
        F.coalesce(F.col("_change_sequence"), F.lit("")),
    )
    return F.concat_ws("|", *parts)


def latest_changes(changes: DataFrame, key: Sequence[str]) -> DataFrame:
    """One row per key: its last change, deletes included, with `_change_order` added.

    Args:
        changes: clean rows with their lineage columns.
        key: the business key.
    """
    content = sorted(name for name in changes.columns if not name.startswith("_"))
    newest_first = Window.partitionBy(*key).orderBy(
        F.col("_change_order").desc(),
        (F.col("_operation") == "D").desc(),
        _content_hash(content).desc(),
        # Equal content in every respect: which delivery is named does not change a value.
        F.col("_batch_id").asc(),
    )
    return (
        changes.withColumn("_change_order", change_order())
        .withColumn("_place", F.row_number().over(newest_first))
        .where("_place = 1")
        .drop("_place")
    )


def standing(latest: DataFrame) -> DataFrame:
    """The rows of `latest_changes` that were not deleted."""
    return latest.where("_operation <> 'D'")


def newest_lineage(*sides: str) -> list[Column]:
    """`_batch_id` and `_change_order` of a row joined from several sides: the last one to change.

    Args:
        sides: aliases of the joined frames; a side without a match does not count.
    """
    changed = [
        F.struct(
            F.coalesce(F.col(f"{side}._change_order"), F.lit("")).alias("_change_order"),
            F.coalesce(F.col(f"{side}._batch_id"), F.lit("")).alias("_batch_id"),
        )
        for side in sides
    ]
    newest = reduce(lambda one, other: F.when(other > one, other).otherwise(one), changed)
    return [
        newest["_batch_id"].alias("_batch_id"),
        newest["_change_order"].alias("_change_order"),
    ]


def _content_hash(columns: Sequence[str]) -> Column:
    values = [F.coalesce(F.col(name).cast("string"), F.lit("\x00")) for name in columns]
    return F.sha2(F.concat_ws(_UNIT_SEPARATOR, *values), 256)
