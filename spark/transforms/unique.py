"""Finds rows of one batch that share a key, and decides which of them stays.

The row with the greatest content hash stays: never the first in a file, because where a row stands
is lineage and says nothing. Exact copies hash alike, so any one of them stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql.functions import (
    broadcast,
    col,
    expr,
    lit,
    row_number,
)

from spark.transforms.contract import CleanSpec
from spark.transforms.hashing import content_hash
from spark.transforms.repetition import maybe_repeated
from spark.transforms.row_naming import NAME, plain_name_of, typed_record
from spark.transforms.rules import UNIQUE
from spark.transforms.staging import IS_DELETE, LINEAGE, clean_rows
from spark.transforms.typing import quoted

RANK = "_rank"


def repeated_rows(rows: DataFrame, spec: CleanSpec) -> DataFrame:
    """Staged rows whose key may occur twice in their batch, with `_rank` 1 for the one to keep.

    Not of batches of changes: there, a key is told of as often as something happened to it.
    """
    good = rows.where(f"_problem IS NULL AND NOT ({IS_DELETE})")
    changed = [batch.batch_id for batch in spec.batches if batch.has_changes]
    if changed:
        good = good.where(~col("_batch_id").isin(changed))
    if spec.corrections:
        # What has a place in a log is a change; of a key there may be as many as happened.
        good = good.where("_change_sequence IS NULL")
    key = ("_batch_id", *spec.key)
    types = {column.name: column.published_type for column in spec.published}
    greatest_first = Window.partitionBy(*key).orderBy(
        content_hash(types).desc(),
        col("_source_file").asc(),
        col("_row_number").asc_nulls_first(),
    )
    return maybe_repeated(good, key=key).withColumn(RANK, row_number().over(greatest_first))


def without_repeated(clean: DataFrame, repeated: DataFrame, spec: CleanSpec) -> DataFrame:
    """Clean rows with one row for each key of a batch, beside its deletes."""
    key = ["_batch_id", *spec.key]
    keys = repeated.select(*key).distinct()
    kept = clean_rows(repeated.where(f"{RANK} = 1"), spec)
    standing, deletes = clean.where(f"NOT ({IS_DELETE})"), clean.where(IS_DELETE)
    single = standing.join(broadcast(keys), on=key, how="left_anti").select(*kept.columns)
    return single.unionAll(kept).unionAll(deletes.select(*kept.columns))


def quarantined_copies(repeated: DataFrame, spec: CleanSpec) -> DataFrame:
    """Rows that give way to another row of their key, as they are kept for a person to look at."""
    reason = f"another row of this batch has the same {', '.join(spec.key)}"
    name = col(NAME) if spec.is_treated else plain_name_of(expr(copy_text(spec)))
    return repeated.where(f"{RANK} > 1").select(
        _key_column(spec.key).alias("column"),
        lit(UNIQUE).alias("rule"),
        lit(reason).alias("reason"),
        expr(copy_text(spec)).alias("raw_text"),
        name.alias("row_name"),
        *LINEAGE,
    )


def copy_text(spec: CleanSpec) -> str:
    """SQL for a typed row as quarantine keeps it: one line of JSON, every value as text."""
    return typed_record(spec.published)


def _key_column(key: Sequence[str]) -> Column:
    """The key's column where it is one; a composite key has no single column to blame."""
    return expr(quoted(key[0]) if len(key) == 1 else "CAST(NULL AS string)")
