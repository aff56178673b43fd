"""Reads delivered JSON lines: one object a line, also compressed.

Every field is taken as text, nested values as JSON. The engines' JSON parsers stop after the first
value of a line and forgive what follows, so a line also has to be exactly one element of a JSON
array, which they check to the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, expr, from_json
from pyspark.sql.types import StringType, StructField, StructType

from spark.formats.text import DAMAGED, matches
from spark.io import union
from spark.records import STRUCTURE
from spark.tables.model import decimal_parts
from spark.transforms.contract import CleanSpec, DeliveredFile
from spark.transforms.rules import Delivered, Finding
from spark.transforms.staging import FILE_LINEAGE, Portion, lineage_of

# White space, spelled out: to Rust, \s is that of all scripts.
_S = r"[\x09-\x0d ]*"
# What engines read in different ways, or less strictly than RFC 8259.
_ODDITIES = (
    # A value that ends and is followed by another one without a comma, or a list by a list.
    rf"[}}\]]{_S}[^\x09-\x0d ,}}\]]|\]{_S},{_S}\[",
    # Escapes that are none, or half of a character outside of the basic plane.
    r"\\[^\"\\/bfnrtu]|\\u(?:[dD][89a-fA-F]|[0-9a-fA-F]{0,3}(?:[^0-9a-fA-F]|\z))",
    # Raw control characters, and single quotes for double ones.
    rf"[\x00-\x1f]|[{{,:\[]{_S}'",
    # Numbers that change on their way through a double: with an exponent, or minus zero.
    rf"[:\[,]{_S}-?[0-9.]+[eE]|[:\[,]{_S}-0(?:\.0*)?{_S}[,}}\]]",
)
# Fifteen more are enough: Java's stack overflows where a group may repeat without an end.
_MANY_DIGITS = rf"[:\[,]{_S}-?[0-9](?:\.?[0-9]){{15}}"

# A dot would stop at other line ends than the engine's own, and at other ones in Java than in Rust.
_OBJECT = rf"\A{_S}\{{[\s\S]*\}}{_S}\z"
_HAS_BRACES = (
    "CASE WHEN startswith(value, '{') AND endswith(value, '}') THEN true "
    f"ELSE {matches(_OBJECT)} END"
)
_IS_ONE_OBJECT = f"({_HAS_BRACES} AND json_array_length(concat('[', value, ']')) <=> 1)"
# Of a line that is no object, both engines say that it has none.
NAMES = "json_object_keys(value)"
_EMPTY = rf"\A{_S}\{{{_S}\}}{_S}\z"
_STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}


def doubtful(spec: CleanSpec) -> str:
    """SQL over `value`, a line: whether a strict parser has to read it."""
    oddities = list(_ODDITIES)
    # Engines read fractions as doubles, which hold 15 digits.
    if any((decimal_parts(column.type) or (0, 0))[0] > 15 for column in spec.columns):
        oddities.append(_MANY_DIGITS)
    return f"{DAMAGED} OR {matches('|'.join(oddities))}"


def portion(session: SparkSession, files: Sequence[DeliveredFile], names: Sequence[str]) -> Portion:
    """All lines of the files that hold anything, with the fields called `names`."""
    lines = union([_lines(session, file) for file in files])
    fields = StructType([StructField(name, StringType()) for name in names])
    parsed = lines.select("*", from_json("value", fields, _STRICT).alias("_object"))
    delivered = {name: Delivered(f"_c{position}", "string") for position, name in enumerate(names)}
    fields_read = parsed.select(
        "value",
        *(col("_object").getField(name).alias(where.column) for name, where in delivered.items()),
        *FILE_LINEAGE,
        expr("CAST(NULL AS bigint)").alias("_row_number"),
    )
    frame = fields_read.withColumn("value", expr(_refusing_nulls(delivered)))
    broken = Finding(f"NOT {_IS_ONE_OBJECT}", None, STRUCTURE, "'expected one JSON object a line'")
    return Portion(frame, delivered, raw_text="value", structure=(broken,))


def _refusing_nulls(delivered: Mapping[str, Delivered]) -> str:
    """The line, unless the engine read nothing from it although it is an object of something.

    Failing sends the file to the strict reader, which is right more often than a row of nulls.
    """
    columns = ", ".join(where.column for where in delivered.values())
    nothing = f"coalesce({columns}) IS NULL AND {_IS_ONE_OBJECT} AND NOT ({matches(_EMPTY)})"
    return f"CASE WHEN {nothing} THEN raise_error('a line without a known field') ELSE value END"


def _lines(session: SparkSession, file: DeliveredFile) -> DataFrame:
    lines = session.read.text(file.uri).where("trim(value) <> ''")
    return lines.select("value", *lineage_of(file))
