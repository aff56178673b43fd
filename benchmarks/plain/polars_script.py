"""From raw to published tables with polars and PyIceberg, without any platform."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from benchmarks.plain import polars_curated
from benchmarks.plain.work import SourceColumn, SourceTable, Work, work_from

# Spark's types, in polars's words; decimals are read from their name.
TYPES = {
    "string": pl.String(),
    "int": pl.Int32(),
    "bigint": pl.Int64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
}
CHANGES = ("_operation", "_committed_at", "_change_sequence")
LINEAGE = ("_batch_id", "_landing_date", "_source_file", *CHANGES)
GIVEN = "_given_"


def main(arguments: Sequence[str] | None = None) -> None:
    """Do all of it."""
    work = work_from(arguments)
    for table in work.tables():
        with work.timed(f"clean {table.full_name}"):
            clean(work, table)
    polars_curated.publish_all(work)
    work.tell()


def clean(work: Work, table: SourceTable) -> None:
    """Type, judge and write one table."""
    staging = work.out / "staging" / f"{table.full_name}.parquet"
    folder, held = work.clean_folder(table.full_name), work.quarantine_folder(table.full_name)
    _staged(table).sink_parquet(staging, compression="zstd", mkdir=True)
    staged = pl.scan_parquet(staging)
    rejected = staged.filter(pl.col("problem").is_not_null())
    kept = staged.filter(pl.col("problem").is_null())
    if (keys := _repeated(kept, table)) is not None:
        key = keys.columns
        copies = kept.join(keys.lazy(), on=key, how="semi")
        ranked = copies.with_columns(_rank=_content(table).rank("ordinal").over(key))
        kept = pl.concat(
            [
                kept.join(keys.lazy(), on=key, how="anti"),
                ranked.filter(pl.col("_rank") == 1).drop("_rank"),
            ]
        )
        others = ranked.filter(pl.col("_rank") > 1).drop("_rank")
        rejected = pl.concat([rejected, others.with_columns(problem=pl.lit("unique"))])
    columns = [pl.sql_expr(column.published) for column in table.columns]
    kept.select(*columns, *LINEAGE, batch=pl.col("_batch_id")).sink_parquet(
        pl.PartitionBy(folder, key="batch", include_key=False), compression="zstd", mkdir=True
    )
    reasons = rejected.select("_batch_id", "_landing_date", "_source_file", "problem", "raw_text")
    reasons.sink_parquet(held / "rows.parquet", compression="zstd", mkdir=True)
    work.account(
        table.full_name,
        files=_records(table),
        staged=_rows_by_batch(staged),
        written=_rows_by_batch(pl.scan_parquet(folder / "*" / "*.parquet")),
        quarantined=_rows_by_batch(pl.scan_parquet(held / "rows.parquet")),
    )


def _staged(table: SourceTable) -> pl.LazyFrame:
    given = _read(table).select(
        *(pl.col(name).alias(GIVEN + name) for name in table.delivered),
        _source_file=pl.col("_file"),
        _batch_id=pl.col("_file").str.extract("batch=([^/]+)/"),
        _landing_date=pl.col("_file").str.extract("landing_date=([^/]+)/").str.to_date(),
    )
    typed = given.with_columns(
        *(_typed(column, given).alias(column.name) for column in table.columns),
        *_changes(table),
    )
    judged = typed.with_columns(problem=_problem(table))
    texts = pl.struct(pl.col(f"^{GIVEN}.*$")).struct.json_encode()
    good = pl.col("problem").is_null()
    warned = {
        f"_warned_{number}": good & pl.sql_expr(_sql(rule.expression)).not_()
        for number, rule in enumerate(table.rules)
        if rule.action == "warn"
    }
    names = [column.name for column in table.columns]
    raw_text = pl.when(good.not_()).then(texts).alias("raw_text")
    return judged.select(*names, *LINEAGE, "problem", raw_text, **warned)


def _read(table: SourceTable) -> pl.LazyFrame:
    if table.format == "parquet":
        return pl.scan_parquet(table.files, include_file_paths="_file")
    if table.format == "csv":
        return pl.scan_csv(table.files, infer_schema=False, include_file_paths="_file")
    schema = dict.fromkeys(table.delivered, pl.String())
    return pl.scan_ndjson(table.files, schema=schema, include_file_paths="_file")


def _typed(column: SourceColumn, given: pl.LazyFrame) -> pl.Expr:
    value = pl.col(GIVEN + column.name)
    kind = given.collect_schema()[GIVEN + column.name]
    if column.type == "timestamp":
        if kind == pl.String():
            return _instant(value)
        return value.dt.replace_time_zone("UTC")
    if column.type == "date":
        return value.str.to_date("%Y-%m-%d", strict=False)
    if column.type == "boolean":
        return value.replace_strict({"true": True, "false": False}, default=None)
    return value.cast(_polars_type(column.type), strict=False)


def _instant(text: pl.Expr) -> pl.Expr:
    """A time in UTC, with or without a letter that says so."""
    plain = text.str.strip_suffix("Z").str.replace(" ", "T", literal=True)
    return plain.str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False
    ).dt.replace_time_zone("UTC")


def _polars_type(name: str) -> pl.DataType:
    if name.startswith("decimal"):
        precision, scale = name.removeprefix("decimal(").removesuffix(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    return TYPES[name]


def _changes(table: SourceTable) -> list[pl.Expr]:
    if table.change_columns:
        operation, committed, sequence = (pl.col(GIVEN + name) for name in table.change_columns)
        named = operation.str.strip_chars().str.to_uppercase().replace("", None).fill_null("I")
        values = (named, _instant(committed), sequence.replace("", None))
    else:
        nothing = pl.lit(None, pl.Datetime("us", "UTC"))
        order = _instant(pl.col(GIVEN + table.order)) if table.order else nothing
        values = (pl.lit("I"), order, pl.lit(None, pl.String()))
    return [value.alias(name) for value, name in zip(values, CHANGES, strict=True)]


def _problem(table: SourceTable) -> pl.Expr:
    """The first thing that is wrong with a row, as text."""
    is_change = pl.col("_operation") != "D"
    found = [(pl.col("_operation").is_in(["I", "U", "D"]).not_(), "operation")]
    for column in table.columns:
        value, given = pl.col(column.name), pl.col(GIVEN + column.name).cast(pl.String)
        if column.type != "string":
            blank = given.str.strip_chars() == ""
            found.append((blank.not_() & value.is_null(), f"type {column.name}"))
        if column.allowed:
            allowed = value.cast(pl.String).is_in(list(column.allowed))
            found.append((allowed.not_(), f"allowed {column.name}"))
        if not column.nullable:
            found.append((value.is_null() & is_change, f"required {column.name}"))
    found += [
        (pl.sql_expr(_sql(rule.expression)).not_() & is_change, f"rule {rule.name}")
        for rule in table.rules
        if rule.action != "warn"
    ]
    # A condition that is null does not hold, in polars as in SQL.
    cases = [pl.when(condition).then(pl.lit(what)) for condition, what in found]
    return pl.coalesce(*cases, pl.lit(None, pl.String()))


def _sql(expression: str) -> str:
    """Spark's SQL, in polars's words: nothing is left without some letters, nor between them."""
    return re.sub(r"translate\((\w+), ('[^']*'), ''\)", r"trim(BOTH \2 FROM \1)", expression)


def _repeated(kept: pl.LazyFrame, table: SourceTable) -> pl.DataFrame | None:
    """Keys that occur twice within a batch; None where that is allowed or never happens."""
    if table.unique is None:
        return None
    key = ["_batch_id", *table.key]
    keys = (
        kept.group_by(key).len().filter(pl.col("len") > 1).select(key).collect(engine="streaming")
    )
    return None if keys.is_empty() or table.unique == "warn" else keys


def _content(table: SourceTable) -> pl.Expr:
    return pl.struct(column.name for column in table.columns).hash()


def _records(table: SourceTable) -> dict[str, int]:
    """How many records the files hold, by another count than the parser's."""
    if table.format == "parquet":
        rows = pl.scan_parquet(table.files, include_file_paths="_file").select("_file")
    else:
        rows = pl.scan_csv(
            table.files,
            has_header=False,
            separator="\x07",
            quote_char=None,
            schema={"line": pl.String},
            include_file_paths="_file",
        )
    counted = rows.group_by("_file").len().collect(engine="streaming")
    headers = 1 if table.format == "csv" else 0
    batches = counted.group_by(pl.col("_file").str.extract("batch=([^/]+)/")).agg(
        (pl.col("len").cast(pl.Int64) - headers).sum()
    )
    return {str(batch): int(rows) for batch, rows in batches.iter_rows()}


def _rows_by_batch(rows: pl.LazyFrame) -> dict[str, int]:
    counted = rows.group_by("_batch_id").len().collect(engine="streaming")
    return {str(batch): int(rows) for batch, rows in counted.iter_rows()}


if __name__ == "__main__":
    main()
