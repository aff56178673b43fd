"""Reads delivered CSV whose every line is one plain record; the rest is not for this module.

A file belongs here if its lines are well-formed CSV records by themselves (RFC 4180: quotes around
a whole field, doubled inside) and all have as many fields as the header. Every field is read as
text. An empty field is null, quoted or not, because no engine can tell the two apart; the text NULL
is text. Columns are found by their name in the file's own header, so their order does not matter.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr

from spark.formats.text import DAMAGED, matches
from spark.io import union
from spark.transforms.contract import DeliveredFile
from spark.transforms.rules import Delivered
from spark.transforms.staging import Portion, lineage_of

Header = tuple[str, ...]

_FIELD = r'(?:[^",]*|"[^"]*(?:""[^"]*)*")'
_WELL_FORMED = rf"\A{_FIELD}(?:,{_FIELD})*\z"
# Java's stack holds a frame for every turn of a group, and its overflow takes the whole JVM along;
# so lines of very many fields and quotes are not shown to the pattern.
_MANY_TURNS = "length(value) - length(translate(value, '\",', '')) > 500"
DOUBTFUL = (
    f"{DAMAGED} OR CASE WHEN NOT contains(value, '\"') THEN false "
    f"WHEN {_MANY_TURNS} THEN true ELSE NOT ({matches(_WELL_FORMED)}) END"
)


def header_of(line: str | None) -> Header:
    """The names in a header line; none where it is no single CSV record."""
    try:
        records = list(csv.reader([(line or "").lstrip("\ufeff")], strict=True))
    except csv.Error:
        return ()
    return tuple(name.strip() for name in records[0]) if len(records) == 1 else ()


def engine_header(session: SparkSession, file: DeliveredFile) -> Header:
    """The header as the engine reads it: slow on Spark, and it renames what occurs twice."""
    columns = session.read.option("header", "true").option("escape", '"').csv(file.uri).columns
    return tuple(name.strip().lstrip("\ufeff") for name in columns)


def portion(session: SparkSession, files: Sequence[DeliveredFile], header: Header) -> Portion:
    """All records of files with one header."""
    frame = union([_frame(session, file, len(header)) for file in files])
    delivered = {name: Delivered(f"_c{position}", "string") for position, name in enumerate(header)}
    return Portion(frame, delivered, raw_text=_raw_text(delivered))


def _frame(session: SparkSession, file: DeliveredFile, width: int) -> DataFrame:
    names = [f"_c{position}" for position in range(width)]
    rows = (
        session.read.option("header", "true")
        # The default of Spark is a backslash, and it would make up for missing fields with nulls.
        .option("escape", '"')
        .option("mode", "FAILFAST")
        .schema(", ".join(f"{name} string" for name in names))
        .csv(file.uri)
    )
    return rows.select(*names, *lineage_of(file), expr("CAST(NULL AS bigint)").alias("_row_number"))


def _raw_text(delivered: Mapping[str, Delivered]) -> str:
    """The line again: quotes only where a field holds a comma or a quote."""
    fields = [
        f"CASE WHEN {where.column} RLIKE '[,\"]' "
        f"THEN concat('\"', replace({where.column}, '\"', '\"\"'), '\"') "
        f"ELSE coalesce({where.column}, '') END"
        for where in delivered.values()
    ]
    return f"concat_ws(',', {', '.join(fields)})"
