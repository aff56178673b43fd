"""Reads delivered JSON lines: one object a line, also compressed.

Every field is taken as text, nested values as JSON. The engines' JSON parsers stop after the first
value of a line and forgive what follows, so a line also has to be exactly one element of a JSON
array, which they check to the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, expr, from_json
from pyspark.sql.types import StringType, StructField, StructType

from spark.formats.text import DAMAGED, matches
from spark.io import union
from spark.transforms.contract import DeliveredFile
from spark.transforms.rules import STRUCTURE, Delivered, Finding
from spark.transforms.staging import FILE_LINEAGE, Portion, lineage_of

# A value that ends and is followed by another one without a comma, or a list after a list: only
# inside of a string can that be right, and only a strict parser can tell.
_GOES_ON = r"[}\]]\s*[^\s,}\]]|\]\s*,\s*\["
# Half of a character outside of the basic plane: whole with its other half, damage without.
_SURROGATE = r"\\u[dD][89a-fA-F]"
DOUBTFUL = f"{DAMAGED} OR {matches(_GOES_ON)} OR {matches(_SURROGATE)}"

_OBJECT = r"\A\s*\{.*\}\s*\z"
_IS_ONE_OBJECT = f"({matches(_OBJECT)} AND json_array_length(concat('[', value, ']')) <=> 1)"
# The dialect of RFC 8259; Spark's is wider.
_STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}


def portion(session: SparkSession, files: Sequence[DeliveredFile], names: Sequence[str]) -> Portion:
    """All lines of the files that hold anything, with the fields called `names`."""
    lines = union([_lines(session, file) for file in files])
    fields = StructType([StructField(name, StringType()) for name in names])
    parsed = lines.select("*", from_json("value", fields, _STRICT).alias("_object"))
    delivered = {name: Delivered(f"_c{position}", "string") for position, name in enumerate(names)}
    frame = parsed.select(
        "value",
        *(col("_object").getField(name).alias(where.column) for name, where in delivered.items()),
        *FILE_LINEAGE,
        expr("CAST(NULL AS bigint)").alias("_row_number"),
    )
    broken = Finding(f"NOT {_IS_ONE_OBJECT}", None, STRUCTURE, "'expected one JSON object a line'")
    return Portion(frame, delivered, raw_text="value", structure=(broken,))


def _lines(session: SparkSession, file: DeliveredFile) -> DataFrame:
    lines = session.read.text(file.uri).where("trim(value) <> ''")
    return lines.select("value", *lineage_of(file))
