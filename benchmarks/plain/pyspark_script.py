"""From raw to published tables with PySpark, on the engine that the platform would use.

Of the platform it borrows the engine with its settings and the catalog behind it, nothing else, so
that what is compared is the work around the engine. Batches are folders of raw, and found as
partitions. The name of its file is not kept with a row: one of the engines has no function for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pyspark.sql.functions import col, expr, from_json, lit, row_number, to_json, when
from pyspark.sql.types import StringType, StructField, StructType
from pyspark.sql.window import Window

from benchmarks.plain import pyspark_curated
from benchmarks.plain.work import SourceColumn, SourceTable, Work, work_from
from resources.local.engines import lease_engine
from spark.session import open_session

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

CHANGES = ("_operation", "_committed_at", "_change_sequence")
LINEAGE = ("_batch_id", "_landing_date", *CHANGES)
GIVEN = "_given_"


def main(arguments: Sequence[str] | None = None) -> None:
    """Do all of it."""
    work = work_from(arguments)
    engine = cast("Literal['sail', 'spark']", work.options["engine"])
    with lease_engine(engine, home=work.out):
        session = open_session()
        for table in work.tables():
            with work.timed(f"clean {table.full_name}"):
                clean(session, work, table)
        pyspark_curated.publish_all(session, work)
    work.tell()


def clean(session: SparkSession, work: Work, table: SourceTable) -> None:
    """Type, judge and write one table."""
    staging = f"file://{work.out}/staging/{table.full_name}"
    folder = f"file://{work.clean_folder(table.full_name)}"
    held = f"file://{work.quarantine_folder(table.full_name)}"
    _write(_staged(session, table), staging)
    staged = session.read.parquet(staging)
    copies = _copies(staged, table)
    columns = [expr(column.published) for column in table.columns]
    kept = staged.where("problem IS NULL")
    rejected = staged.where("problem IS NOT NULL")
    if copies is not None:
        key = ["_batch_id", *table.key]
        first = copies.where("_rank = 1").drop("_rank")
        kept = kept.join(copies.select(*key).distinct(), on=key, how="left_anti").select(
            *kept.columns
        )
        kept = kept.unionByName(first)
        others = copies.where("_rank > 1").drop("_rank")
        rejected = rejected.unionByName(others.withColumn("problem", lit("unique: another row")))
    published = kept.select(*columns, *LINEAGE, col("_batch_id").alias("batch"))
    published.write.mode("overwrite").option("compression", "zstd").partitionBy("batch").parquet(
        folder
    )
    _write(rejected.select("_batch_id", "_landing_date", "problem", "raw_text"), held)
    work.account(
        table.full_name,
        files=_records(session, table),
        staged=_rows_by_batch(staged),
        written=_rows_by_batch(session.read.parquet(folder)),
        quarantined=_rows_by_batch(session.read.parquet(held)) if _any_file(held) else {},
    )


def _staged(session: SparkSession, table: SourceTable) -> DataFrame:
    given = _given(session, table)
    typed = given.select(
        "*",
        *(expr(_typed(column)).alias(column.name) for column in table.columns),
        *_changes(table),
    )
    judged = typed.select("*", _problem(table).alias("problem"))
    warned = [
        expr(f"problem IS NULL AND NOT ({rule.expression})").alias(f"_warned_{number}")
        for number, rule in enumerate(table.rules)
        if rule.action == "warn"
    ]
    texts = [name for name in judged.columns if name.startswith(GIVEN)]
    raw_text = when(col("problem").isNotNull(), to_json(expr(f"struct({', '.join(texts)})")))
    names = [column.name for column in table.columns]
    return judged.select(*names, *LINEAGE, "problem", raw_text.alias("raw_text"), *warned)


def _given(session: SparkSession, table: SourceTable) -> DataFrame:
    """The delivered columns as they are, with batch and day."""
    folder = f"file://{table.folder}"
    batch = (col("batch").alias("_batch_id"), expr("CAST(landing_date AS date) AS _landing_date"))
    if table.format == "json":
        lines = session.read.text(folder).where("trim(value) <> ''")
        fields = StructType([StructField(name, StringType()) for name in table.delivered])
        objects = lines.select(from_json("value", fields).alias("o"), *batch)
        named = [col("o").getField(name).alias(GIVEN + name) for name in table.delivered]
        return objects.select(*named, "_batch_id", "_landing_date")
    reader = session.read.option("header", "true")
    rows = reader.csv(folder) if table.format == "csv" else session.read.parquet(folder)
    return rows.select(*(col(name).alias(GIVEN + name) for name in table.delivered), *batch)


def _typed(column: SourceColumn) -> str:
    given = GIVEN + column.name
    return given if column.type == "string" else f"try_cast({given} AS {column.type})"


def _changes(table: SourceTable) -> list[Column]:
    order = f"try_cast({GIVEN}{table.order} AS timestamp)" if table.order else "NULL"
    texts = ("'I'", f"CAST({order} AS timestamp)", "CAST(NULL AS string)")
    if table.change_columns:
        operation, committed, sequence = (GIVEN + name for name in table.change_columns)
        texts = (
            f"coalesce(nullif(upper(trim({operation})), ''), 'I')",
            f"try_cast({committed} AS timestamp)",
            f"nullif({sequence}, '')",
        )
    return [expr(text).alias(name) for text, name in zip(texts, CHANGES, strict=True)]


def _problem(table: SourceTable) -> Column:
    """The first thing that is wrong with a row, as text."""
    found = [("_operation NOT IN ('I', 'U', 'D')", "operation")]
    for column in table.columns:
        given = f"CAST({GIVEN}{column.name} AS string)"
        if column.type != "string":
            found.append((f"trim({given}) <> '' AND {column.name} IS NULL", f"type {column.name}"))
        if column.allowed:
            values = ", ".join(f"'{value}'" for value in column.allowed)
            found.append((f"{column.name} NOT IN ({values})", f"allowed {column.name}"))
        if not column.nullable:
            missing = f"{column.name} IS NULL AND _operation <> 'D'"
            found.append((missing, f"required {column.name}"))
    found += [
        (f"NOT ({rule.expression}) AND _operation <> 'D'", f"rule {rule.name}")
        for rule in table.rules
        if rule.action != "warn"
    ]
    cases = " ".join(f"WHEN {condition} THEN '{what}'" for condition, what in found)
    return expr(f"CASE {cases} END")


def _copies(staged: DataFrame, table: SourceTable) -> DataFrame | None:
    """Rows that share a key within a batch, ranked; None where that is allowed or never happens."""
    if table.unique is None:
        return None
    key = ["_batch_id", *table.key]
    good = staged.where("problem IS NULL")
    repeated = good.groupBy(*key).count().where("count > 1").drop("count")
    if repeated.count() == 0 or table.unique == "warn":
        return None
    content = expr(f"xxhash64({', '.join(column.name for column in table.columns)})")
    rank = row_number().over(Window.partitionBy(*key).orderBy(content.desc()))
    return good.join(repeated, on=key, how="left_semi").withColumn("_rank", rank)


def _records(session: SparkSession, table: SourceTable) -> dict[str, int]:
    """How many records the files hold, by another count than the parser's."""
    folder = f"file://{table.folder}"
    if table.format == "parquet":
        counted = session.read.parquet(folder).groupBy("batch").count()
    else:
        counted = session.read.text(folder).where("trim(value) <> ''").groupBy("batch").count()
    found = {str(row["batch"]): int(row["count"]) for row in counted.collect()}
    if table.format == "csv":
        headers = {
            batch.name: sum(1 for _ in batch.iterdir()) for batch in table.folder.glob("*/*")
        }
        found = {path.removeprefix("batch="): 0 for path in headers} | {
            batch: rows - headers[f"batch={batch}"] for batch, rows in found.items()
        }
    return found


def _write(rows: DataFrame, uri: str) -> None:
    rows.write.mode("overwrite").option("compression", "zstd").parquet(uri)


def _any_file(uri: str) -> bool:
    """Whether anything was written: without rows, one of the engines writes no file."""
    return any(Path(uri.removeprefix("file://")).glob("*.parquet"))


def _rows_by_batch(rows: DataFrame) -> dict[str, int]:
    counted = rows.groupBy("_batch_id").count().collect()
    return {row["_batch_id"]: int(row["count"]) for row in counted}


if __name__ == "__main__":
    main()
