"""From delivered values to staged rows: typed, with lineage, each with its first problem or none.

Every format ends here, so that one rule holds for all of them. Staged rows are split by their
problem, after they were written or while they are (`spark.judging`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql.functions import coalesce, col, expr, rand, when

from spark.tables.widening import next_wider
from spark.transforms.contract import CleanSpec, DeliveredFile
from spark.transforms.corrections import original_places, with_origin
from spark.transforms.row_naming import ACCOUNTED, NAME, name_columns
from spark.transforms.rules import (
    PROBLEM,
    REQUIRED,
    UNRELIABLE,
    Delivered,
    Finding,
    change_findings,
    column_findings,
    first_problem,
    is_warned,
    rule_findings,
)
from spark.transforms.treatments import hidden_reason, shown_record, treated_columns
from spark.transforms.typing import named, quoted, typed

FILE_LINEAGE = (
    "_batch_id",
    "_landing_date",
    "_source_file",
    "_ingested_at",
    "_epoch",
    "_correction_id",
)
LINEAGE = (
    "_batch_id",
    "_landing_date",
    "_source_file",
    "_row_number",
    "_ingested_at",
    "_epoch",
    "_committed_at",
    "_change_sequence",
    "_operation",
    "_correction_id",
)
# A column that the row holds too great a value for; only where the table may evolve.
OUTGROWN = "_outgrown"
IS_DELETE = "_operation = 'D'"


@dataclass(frozen=True)
class Portion:
    """Files of one layout as one frame.

    Attributes:
        frame: delivered columns, `FILE_LINEAGE` and `_row_number`; no name of a declared column.
        delivered: where the columns of the source are in the frame, by their source name.
        raw_text: SQL that gives the record as it was delivered; evaluated for rejected rows only.
        structure: what can be wrong with a record before its values are looked at.
    """

    frame: DataFrame
    delivered: Mapping[str, Delivered]
    raw_text: str
    structure: Sequence[Finding] = field(default=())


def lineage_of(file: DeliveredFile) -> list[Column]:
    """What is the same for every row of a file, as columns."""
    literals = {
        "_batch_id": quoted(file.batch.batch_id),
        "_landing_date": f"CAST({quoted(file.batch.landing_date)} AS date)",
        "_source_file": quoted(file.name),
        "_ingested_at": f"CAST({quoted(file.batch.ingested_at)} AS timestamp)",
        "_epoch": quoted(file.batch.epoch),
        "_correction_id": "CAST(NULL AS string)",
    }
    return [expr(sql).alias(name) for name, sql in literals.items()]


def staged(portion: Portion, spec: CleanSpec) -> DataFrame:
    """One row per record: clean columns, `_problem`, `_raw_text`, name, a `_warned_<i>` per rule.

    Columns are judged as they were delivered and leave treated; see `spark.transforms.treatments`.
    Where the table may evolve, `_outgrown` names a column for which the value is too great.
    """
    delivered = portion.delivered
    findings = [
        *portion.structure,
        *change_findings(spec, delivered),
        *column_findings(spec, delivered, is_delete=IS_DELETE),
    ]
    if spec.is_treated:
        findings = [_without_what_was_found(finding) for finding in findings]
    frame = with_origin(portion.frame, delivered) if spec.corrections else portion.frame
    typed_rows = frame.select(
        "*", *_change_columns(spec, delivered), *_declared_columns(spec, delivered)
    )
    judged = typed_rows.select("*", first_problem(findings).alias("_first"))
    broken_rules = first_problem(rule_findings(spec.rules, is_delete=IS_DELETE))
    problem = coalesce("_first", when(col("_first").isNull(), broken_rules))
    ruled = judged.select("*", problem.alias("_problem"))
    is_told = _is_told(spec)
    # Of a treated table no record is written as it was delivered, not even to staging.
    raw_text = "CAST(NULL AS string)" if spec.is_treated else portion.raw_text
    return ruled.select(
        *treated_columns(spec),
        *LINEAGE,
        "_problem",
        expr(f"CASE WHEN {is_told} THEN {raw_text} END").alias("_raw_text"),
        *name_columns(spec, raw_text=portion.raw_text, is_told=is_told),
        *_warned(spec),
        *([_outgrown(spec, delivered).alias(OUTGROWN)] if spec.drift == "evolve" else []),
    )


def clean_rows(rows: DataFrame, spec: CleanSpec) -> DataFrame:
    """Staged rows without a problem, as they are published."""
    good = rows.where("_problem IS NULL")
    return good.select(*(column.name for column in spec.published), *LINEAGE)


def judged_once(rows: DataFrame) -> DataFrame:
    """Rows that are staged nowhere; a filter by their problem stays above what it is found by.

    Below it, types and problems are computed for the filter and again for what passes: 44 s of the
    processor instead of 24 for twenty million rows, and many times that for JSON. No optimizer
    moves what chance has a part in, or seems to have. Those of several layouts are filtered before
    their union: filtered after it, both engines fail over some plans.
    """
    return rows.withColumn("_problem", when(rand() < 2, col("_problem")))


def staged_again(clean: DataFrame, spec: CleanSpec) -> DataFrame:
    """Clean rows of an untreated table as they were staged: without a problem, maybe warned of."""
    nothing = expr(f"CAST(NULL AS struct<{PROBLEM}>) AS _problem")
    return clean.select("*", nothing).select("*", *_warned(spec))


def quarantined_rows(rows: DataFrame, spec: CleanSpec) -> DataFrame:
    """Staged rows with a problem, as they are kept for a person to look at."""
    raw_text = shown_record(spec, unreliable=UNRELIABLE) if spec.is_treated else "_raw_text"
    return rows.where("_problem IS NOT NULL").select(
        col("_problem").getField("column").alias("column"),
        col("_problem").getField("rule").alias("rule"),
        col("_problem").getField("reason").alias("reason"),
        expr(raw_text).alias("raw_text"),
        col(NAME).alias("row_name"),
        *LINEAGE,
    )


def _warned(spec: CleanSpec) -> list[Column]:
    """Whether rows break rules that only warn, by the number of the rule."""
    return [
        is_warned(rule, is_delete=IS_DELETE).alias(f"_warned_{number}")
        for number, rule in enumerate(spec.rules)
        if rule.action == "warn"
    ]


def _without_what_was_found(finding: Finding) -> Finding:
    if finding.rule == REQUIRED:
        return finding
    return replace(finding, reason=hidden_reason(finding.reason))


def _is_told(spec: CleanSpec) -> str:
    """Whether the record is kept as text: of rejected rows, and where some have been released."""
    told = ["_problem IS NOT NULL"]
    if batches := ", ".join(quoted(each.batch_id) for each in spec.released):
        told.append(f"{ACCOUNTED} IN ({batches})")
    return " OR ".join(told)


def _declared_columns(spec: CleanSpec, delivered: Mapping[str, Delivered]) -> list[Column]:
    columns = []
    for column in spec.columns:
        where = delivered.get(column.source_name)
        sql = (
            f"CAST(NULL AS {column.type})"
            if where is None
            else typed(where.column, found=where.type, wanted=column.type)
        )
        columns.append(expr(sql).alias(column.name))
    return columns


def _outgrown(spec: CleanSpec, delivered: Mapping[str, Delivered]) -> Column:
    names = []
    for column in spec.columns:
        wider, where = next_wider(column.type), delivered.get(column.source_name)
        if wider is not None and where is not None and where.type == "string":
            fits = typed(where.column, found=where.type, wanted=wider)
            sql = f"CASE WHEN {named(column.name)} IS NULL AND ({fits}) IS NOT NULL "
            names.append(expr(f"{sql} THEN {quoted(column.name)} END"))
    return coalesce(*names, expr("CAST(NULL AS string)"))


def _change_columns(spec: CleanSpec, delivered: Mapping[str, Delivered]) -> list[Column]:
    operation = delivered.get(spec.operation_column or "")
    committed = delivered.get(spec.commit_time_column or "")
    sequence = delivered.get(spec.change_sequence_column or "")
    columns = {
        "_operation": "'I'"
        if operation is None
        else f"coalesce(nullif(upper(trim(CAST({operation.column} AS string))), ''), 'I')",
        "_committed_at": "CAST(NULL AS timestamp)"
        if committed is None
        else typed(committed.column, found=committed.type, wanted="timestamp"),
        "_change_sequence": "CAST(NULL AS string)"
        if sequence is None
        else f"nullif(CAST({sequence.column} AS string), '')",
    }
    if spec.corrections:
        columns.update(original_places(columns, delivered))
    return [expr(sql).alias(name) for name, sql in columns.items()]
