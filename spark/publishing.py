"""How published tables take rows in: clean batches read, tables merged or replaced.

Both engines commit a table in one swap, so a reader sees a whole batch or none of it. A batch is
always read from its own location, never from a folder above it: what else lies there may be
unfinished.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.bounds import bounds, where_they_meet
from spark.column_lineage import details, note_input, note_published
from spark.deletions import as_deleted, told_of_deleted
from spark.merging import IS_DELETED, merge
from spark.transforms.corrections import CORRECTION
from spark.transforms.row_naming import ACCOUNTED
from spark.transforms.together import together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyspark.sql import DataFrame, Row, SparkSession

    from spark.tables import Table


def read_batches(
    session: SparkSession,
    spec: Mapping[str, Any],
    name: str,
    *,
    only_new: bool = False,
    every_epoch: bool = False,
) -> DataFrame | None:
    """Clean rows of one input's batches; None when the input has none.

    What came before the newest full load is left out: the load says how everything is.

    Args:
        session: the session to read with.
        spec: the job's document; `inputs` holds, by input, the batches and the `epoch` of the
            newest load, which sources that are never loaded do not have.
        name: the input, such as "shop.order".
        only_new: leave out batches that the table has taken in already.
        every_epoch: leave in what came before the newest full load, for a table that tells of it.
    """
    given = spec["inputs"].get(name, {})
    epoch = "" if every_epoch else given.get("epoch", "")
    made_by: dict[str, list[str]] = {}
    for batch in given.get("batches", []):
        is_standing = batch.get("kind") == CORRECTION or batch["epoch"] >= epoch
        if is_standing and (batch["is_new"] or not only_new):
            # Batches of one contract have one layout; its successors' may have columns more.
            made_by.setdefault(batch.get("config_version", ""), []).append(batch["location"])
    for locations in made_by.values():
        note_input(name, locations)
    frames = [session.read.parquet(*locations) for locations in made_by.values()]
    if not frames:
        return None
    rows = together(frames)
    # A corrected row is of the epoch that it was rejected in, whenever it comes.
    return rows.where(F.col("_epoch") >= F.lit(epoch)) if epoch else rows


def required_batches(
    session: SparkSession,
    spec: Mapping[str, Any],
    name: str,
    *,
    only_new: bool = False,
    every_epoch: bool = False,
) -> DataFrame:
    """Clean rows of an input that the job cannot do without; see `read_batches`.

    Raises:
        ValueError: the input has no batches.
    """
    rows = read_batches(session, spec, name, only_new=only_new, every_epoch=every_epoch)
    if rows is None:
        raise ValueError(
            f"Input {name}: found no batches, expected at least one. "
            f"Materialize the clean asset {name.replace('.', '/')} first."
        )
    return rows


def batch_results(
    spec: Mapping[str, Any], dataset: str, frames: Mapping[str, DataFrame | None]
) -> list[dict[str, Any]]:
    """One result per new batch, with its rows counted from its files' lineage."""
    results = []
    for name, rows in frames.items():
        counts = _rows_by_batch(rows) if rows is not None else {}
        for batch in spec["inputs"].get(name, {}).get("batches", []):
            if batch["is_new"]:
                read = counts.get(batch["batch_id"], 0)
                results.append(result(dataset, read, read, batch_id=batch["batch_id"]))
    return results


def _rows_by_batch(rows: DataFrame) -> dict[str, int]:
    # A corrected row keeps the batch that it came from first, and counts in its correction's.
    has_corrections = "_correction_id" in rows.columns
    accounted = F.expr(ACCOUNTED if has_corrections else "_batch_id").alias("batch_id")
    counted = rows.groupBy(accounted).count().collect()
    return {row["batch_id"]: int(row["count"]) for row in counted}


def result(
    dataset: str, rows_in: int, rows_out: int, *, batch_id: str | None = None
) -> dict[str, Any]:
    """A result that quarantines nothing and wrote into a table, with what its columns come from."""
    return {
        "dataset": dataset,
        "batch_id": batch_id,
        "rows_in": rows_in,
        "rows_out": rows_out,
        "rows_quarantined": 0,
        "files": 0,
        "bytes": 0,
        "location": None,
        "details": details(dataset),
    }


def merge_rows(
    session: SparkSession,
    rows: DataFrame,
    table: Table,
    target: str,
    deleted: DataFrame | None = None,
    within: Callable[[], Sequence[str]] | None = None,
) -> None:
    """Bring each key of a table up to its newest row, or to none, in one commit.

    A change that is older than the table's own row, by `_change_order`, changes nothing.

    Args:
        session: the engine's session.
        rows: rows that stand, one per key.
        table: what the target is.
        target: its name in the catalog.
        deleted: the table's key, `_batch_id` and `_change_order` of keys whose last change is a
            delete; no key of `rows` is among them.
        within: gives conditions that hold for every row of the target, by the table's name, that
            can be met; left out, they are found by the keys.
    """
    note_published(session, rows, table)
    ordered = rows.select(*table.column_names)
    # Counted by the table's metadata; to look for a first row would open a file of any partition.
    if session.table(target).count() == 0:
        ordered.writeTo(target).append()
        return
    incoming = ordered if deleted is None else _with_fate(ordered, deleted, table)
    where = within() if within else where_they_meet(incoming, session.table(target), table)
    newer = f"s._change_order >= {table.name}._change_order"
    _merge(session, incoming, table, target, where, newer)


def replace_keys(
    session: SparkSession,
    rows: DataFrame,
    table: Table,
    target: str,
    keys: DataFrame | None,
    days: Sequence[str] = (),
) -> None:
    """Make these rows all that a table holds of some keys, in one commit; equal ones are left.

    Args:
        session: the engine's session.
        rows: one per key of the table.
        table: what the target is.
        target: its name in the catalog.
        keys: distinct values of the columns by which rows are replaced; None replaces all rows.
        days: days of partitions that never change for a key, so that only theirs are looked into;
            where they are the keys, nothing has to be computed to know them.
    """
    note_published(session, rows, table)
    wanted = rows.select(*table.column_names)
    held = session.table(target).select(*table.column_names)
    if held.count() == 0:
        wanted.writeTo(target).append()
        return
    of_keys = [day for day in days if keys is not None and day in keys.columns]
    where = bounds(keys, of_keys, table) if keys is not None and of_keys else []
    are_days = keys is not None and keys.columns == list(days)
    if are_days and not where:
        _commit_nothing(session, table, target)
        return
    for each in where:
        held = held.alias(table.name).where(each)
    if keys is not None:
        held = F.broadcast(keys).join(held, on=keys.columns, how="inner").select(*held.columns)
    incoming = differing(wanted, held, table)
    found = where if are_days else bounds(wanted.unionAll(held), days, table)
    _merge(session, incoming, table, target, found)


def merge_few(
    session: SparkSession, rows: Sequence[Row], table: Table, target: str, gone: DataFrame
) -> None:
    """Put rows in place of those of their keys, and take keys out, in one commit.

    The rows are here already and not still to be computed: engines look at what they merge twice.

    Args:
        session: the engine's session.
        rows: one per key, with the table's columns in their order.
        table: what the target is.
        target: its name in the catalog.
        gone: keys, none of them among the rows, that the target is not to hold.
    """
    layout = ", ".join(f"{column.name} {column.type}" for column in table.columns)
    few = session.createDataFrame(list(rows), layout)
    incoming = _with_fate(few, gone, table)
    _merge(session, incoming, table, target)


def _merge(
    session: SparkSession,
    rows: DataFrame,
    table: Table,
    target: str,
    where: Sequence[str] = (),
    newer: str | None = None,
) -> None:
    if not merge(session, rows, table, target, where, newer):
        # Without a commit the table would not know of these batches.
        _commit_nothing(session, table, target)


def _commit_nothing(session: SparkSession, table: Table, target: str) -> None:
    nothing = session.table(target).where("1 = 0").select(*table.column_names)
    nothing.writeTo(target).append()


def differing(wanted: DataFrame, held: DataFrame, table: Table) -> DataFrame:
    """Wanted rows that are not held as they are, and keys that are held and not wanted, as deleted.

    In one join, as a frame that is named twice is computed twice.
    """
    own = dict(zip(wanted.columns, (f"_held_{name}" for name in wanted.columns)))
    kept = held.select(*(F.col(name).alias(own[name]) for name in own), F.lit(True).alias("_held"))
    met = reduce(and_, (F.col(name) == F.col(own[name]) for name in table.key))
    both = kept.join(wanted.withColumn("_wanted", F.lit(True)), on=met, how="full")
    is_gone = F.col("_wanted").isNull()
    others = [name for name in own if name not in table.key]
    is_equal = reduce(and_, (F.col(name).eqNullSafe(F.col(own[name])) for name in others))
    differs = is_gone | F.col("_held").isNull() | ~is_equal
    known = told_of_deleted(table.key)
    return both.where(differs).select(
        *(
            F.when(is_gone, F.col(own[name])).otherwise(F.col(name)).alias(name)
            if name in known
            else F.col(name)
            for name in own
        ),
        is_gone.alias(IS_DELETED),
    )


def _with_fate(rows: DataFrame, deleted: DataFrame, table: Table) -> DataFrame:
    """Rows and deleted keys as one frame, which tells them apart by `_is_deleted`."""
    gone = as_deleted(deleted, rows, table.key)
    return rows.withColumn(IS_DELETED, F.lit(False)).unionAll(
        gone.withColumn(IS_DELETED, F.lit(True))
    )


def replace_rows(session: SparkSession, rows: DataFrame, table: Table, target: str) -> int:
    """Make these rows the whole content of a table, in one commit; how many they are."""
    note_published(session, rows, table)
    source = f"incoming_{table.name}"
    rows.select(*table.column_names).createOrReplaceTempView(source)
    said = session.sql(f"INSERT OVERWRITE TABLE {target} SELECT * FROM {source}").collect()
    if not said:
        # Sail answers with the number; Apache Spark does not, but its commit says it.
        said = session.sql(
            f"SELECT summary['added-records'] FROM {target}.snapshots "
            "ORDER BY committed_at DESC LIMIT 1"
        ).collect()
    return int(said[0][0] or 0)
