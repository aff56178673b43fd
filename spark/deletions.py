"""Deletes of a change log on their way into a published table, and what keeps the dead in peace.

A job that reads all changes of its keys every time needs no memory: the delete is among them. One
that reads new changes only remembers deletes in tombstones (`spark.tables.tombstones`), written
before the table itself: a crash between the two leaves tombstones of rows that still stand, and the
next attempt, which reads the same changes, takes them out.

A full load deletes without a word what it does not hold. What the table holds of earlier loads, and
the load does not, is found by comparing keys, when the load is taken in.

What all of that promises: any order, repetition or split of the same changes leaves the same rows.
What it does not: a delete that was itself a mistake of delivery is not forgotten; only a newer
change brings its key back. And of two changes in one place of a log that say different things and
come in different batches, a job that reads new changes only takes the later batch's; logs of
databases number their changes, so none of theirs share a place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql.functions import broadcast, col, lit, struct
from pyspark.sql.functions import max as greatest

from spark.merging import merge
from spark.tables.tombstones import tombstones_of
from spark.transforms.fold import in_order, latest_changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

    from spark.tables import Table

IS_DELETE = "_operation = 'D'"
_BURIED_AT = "_buried_at"


def deleted_keys(changes: DataFrame, key: Sequence[str]) -> DataFrame:
    """Keys whose last change is a delete: their columns, `_batch_id` and `_change_order`.

    Only the changes of keys that were ever deleted are put in order; those are few.
    """
    gone = changes.where(IS_DELETE).select(*key).distinct()
    concerned = broadcast(gone).join(changes, on=list(key), how="inner").select(*changes.columns)
    latest = latest_changes(concerned, key)
    return latest.where(IS_DELETE).select(*key, "_batch_id", "_change_order")


def opens_epoch(spec: Mapping[str, Any], name: str) -> bool:
    """Whether a full load of the input, the newest, is among the batches to be taken in."""
    given = spec["inputs"].get(name, {})
    return any(
        batch["is_new"] and batch.get("kind") == "load" and batch["epoch"] == given.get("epoch")
        for batch in given.get("batches", [])
    )


def superseded_keys(
    published: DataFrame, changes: DataFrame, key: Sequence[str], epoch: str
) -> DataFrame:
    """Keys published of earlier loads of which the new one knows nothing, as `deleted_keys`.

    Args:
        published: rows of the table that stem from the input that is loaded anew.
        changes: the load's rows, and the changes that follow it.
        key: the table's key.
        epoch: the load's id.
    """
    older = published.where(col("_change_order") < lit(epoch)).select(*key, "_batch_id")
    missing = older.join(changes.select(*key), on=list(key), how="left_anti")
    # Before everything that happened in the new epoch.
    return missing.select(*key, "_batch_id", lit(f"{epoch} ").alias("_change_order"))


def bury(session: SparkSession, changes: DataFrame, table: Table, tombstones: str) -> None:
    """Remember every delete among the changes, in one commit; none where there is none.

    Args:
        changes: clean rows with their lineage columns.
        table: the published table.
        tombstones: the name of its tombstones' table.
    """
    deletes = in_order(changes.where(IS_DELETE)).groupBy(*table.key)
    last = deletes.agg(greatest(struct("_change_order", "_batch_id")).alias("last"))
    buried = last.select(
        *table.key, col("last._batch_id").alias("_batch_id"), col("last._change_order")
    )
    if buried.count() == 0:
        return
    if session.table(tombstones).count() == 0:
        buried.writeTo(tombstones).append()
        return
    stones = tombstones_of(table)
    newer = f"s._change_order > {stones.name}._change_order"
    merge(session, buried, stones, tombstones, newer=newer)


def unburied(session: SparkSession, rows: DataFrame, table: Table, tombstones: str) -> DataFrame:
    """The rows without those that were deleted later, by `_change_order`, or at the same place."""
    stones = session.table(tombstones)
    if stones.count() == 0:
        return rows
    # Few on the left: of an outer join, that is the side Sail keeps in memory.
    buried = stones.select(*table.key, col("_change_order").alias(_BURIED_AT))
    found = broadcast(buried).join(rows, on=list(table.key), how="right")
    standing = col(_BURIED_AT).isNull() | (col("_change_order") > col(_BURIED_AT))
    return found.where(standing).select(*rows.columns)


def told_of_deleted(key: Sequence[str]) -> set[str]:
    """The columns that a deleted key still has."""
    return {*key, "_batch_id", "_change_order"}


def as_deleted(deleted: DataFrame, rows: DataFrame, key: Sequence[str]) -> DataFrame:
    """Deleted keys in the columns of the rows that they are merged with; the others are null."""
    known = told_of_deleted(key)
    types = dict(rows.dtypes)
    return deleted.select(
        *(
            col(name) if name in known else lit(None).cast(types[name]).alias(name)
            for name in rows.columns
        )
    )
