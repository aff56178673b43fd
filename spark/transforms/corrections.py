"""Corrected rows: what a person corrected stands where the row that was rejected would have stood.

A correction is delivered as JSON lines: the values as the source would have delivered them, beside
the lineage of the rejected row under clean's own names (`CleanSpec.origin`). Its rows keep that
lineage, because it is what orders them: an old row that is corrected late must not beat what came
since. Only their accounts are those of the correction's own batch (`_correction_id`).

The hazard: the corrected row comes back. When the batch that it was delivered in is made clean
again, by a rule that would now let it pass, the row and its correction would both be there. So what
was released stays set aside where it came from, under the rule `released`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, Window
from pyspark.sql.functions import col, concat, expr, lit, row_number, when

from spark.failures import RowsUnaccounted
from spark.transforms.contract import CleanSpec
from spark.transforms.row_naming import NAME, plain_name_of
from spark.transforms.rules import ERASED, PROBLEM, RELEASED, Delivered
from spark.transforms.typing import quoted, typed

# How a batch of corrected rows comes; see `Batch.kind`.
CORRECTION = "correction"
_ROW_LINEAGE = {
    "_batch_id": "string",
    "_landing_date": "date",
    "_source_file": "string",
    "_row_number": "bigint",
    "_ingested_at": "timestamp",
    "_epoch": "string",
}


def with_origin(frame: DataFrame, delivered: Mapping[str, Delivered]) -> DataFrame:
    """A correction's records with the lineage that they name; a broken one keeps its own."""
    if "_batch_id" not in delivered:
        return frame.withColumn("_correction_id", col("_batch_id"))
    kept = [name for name in frame.columns if name not in (*_ROW_LINEAGE, "_correction_id")]
    is_named = f"{delivered['_batch_id'].column} IS NOT NULL"
    lineage = []
    for name, kind in _ROW_LINEAGE.items():
        original = typed(delivered[name].column, found="string", wanted=kind)
        lineage.append(expr(f"CASE WHEN {is_named} THEN {original} ELSE {name} END").alias(name))
    return frame.select(*kept, *lineage, col("_batch_id").alias("_correction_id"))


def original_places(
    own: Mapping[str, str], delivered: Mapping[str, Delivered]
) -> Mapping[str, str]:
    """SQL for commit time and change sequence: the rejected row's where it had one, else `own`."""
    types = {"_committed_at": "timestamp", "_change_sequence": "string"}
    return {
        name: f"coalesce({typed(delivered[name].column, found='string', wanted=kind)}, {own[name]})"
        for name, kind in types.items()
        if name in delivered
    }


def without_released(rows: DataFrame, spec: CleanSpec, *, copy_text: str) -> DataFrame:
    """Staged rows; those whose correction was released are a problem if they were none.

    Args:
        rows: staged rows; of batches with releases, all have their name.
        spec: names what was released, by the ids that quarantine gives.
        copy_text: SQL for the text that quarantine keeps of a repeated row.
    """
    if not spec.released:
        return rows
    named = _named(rows, spec, copy_text=copy_text)
    reason = "a person corrected this row; its correction stands for it"
    problem = expr(
        f"CAST(named_struct('column', NULL, 'rule', {quoted(RELEASED)}, "
        f"'reason', {quoted(reason)}) AS struct<{PROBLEM}>)"
    )
    held = when(col("_problem").isNull() & col("_is_released"), problem).otherwise(col("_problem"))
    return named.withColumn("_problem", held).select(*rows.columns)


def expect_released(rows: DataFrame, spec: CleanSpec, *, copy_text: str) -> None:
    """See that every released row was found again in the batch that it came from.

    Raises:
        RowsUnaccounted: one was not; its correction would stand beside it.
    """
    if not spec.released:
        return
    found = _named(rows, spec, copy_text=copy_text).where("_is_released").count()
    wanted = sum(len(each.ids) for each in spec.released)
    # Of a row whose subject was erased since, nothing is left to find it by.
    erased = rows.where(f"_problem.rule = {quoted(ERASED)}").count() if spec.erased else 0
    if not 0 <= wanted - found <= erased:
        batches = ", ".join(each.batch_id for each in spec.released)
        raise RowsUnaccounted(
            f"{spec.dataset}, batches {batches}: found {found} rows again of {wanted} that were "
            "released from quarantine. Nothing was published: a row would stand beside its "
            "correction. The job reads these files in another way than when they were rejected."
        )


def _named(rows: DataFrame, spec: CleanSpec, *, copy_text: str) -> DataFrame:
    """The rows with `_is_released`; of equal rows, as many as were released."""
    released = [row_id for each in spec.released for row_id in each.ids]
    names = sorted(spec.released_names)
    as_delivered, as_copy = col(NAME), plain_name_of(expr(copy_text))
    identity = when(as_delivered.isin(names), as_delivered).otherwise(
        when(col("_problem").isNull() & as_copy.isin(names), as_copy)
    )
    # Rows that are rejected anyway come first: their correction stands for one of them.
    rejected_first = Window.partitionBy("_identity").orderBy(
        col("_problem").isNull().asc(),
        col("_row_number").asc_nulls_first(),
        col("_source_file").asc(),
    )
    identified = rows.withColumn("_identity", identity)
    unnamed = identified.where("_identity IS NULL").withColumn("_is_released", lit(False))
    numbered = identified.where("_identity IS NOT NULL").withColumn(
        "_number", row_number().over(rejected_first)
    )
    row_id = concat(col("_identity"), lit("-"), col("_number").cast("string"))
    judged = numbered.withColumn("_is_released", row_id.isin(released)).drop("_number")
    return unnamed.unionAll(judged)
