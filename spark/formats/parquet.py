"""Reads delivered Parquet. Values come typed; a file that cannot be read says why.

Sail gives an empty file no columns instead of an error, and refuses a file whose Arrow schema holds
dictionaries. Both end as an unreadable file, like one without a footer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import count, expr, lit

from spark.failures import FileUnreadable
from spark.io import ENGINE_ERRORS, union
from spark.transforms.contract import DeliveredFile
from spark.transforms.rules import Delivered
from spark.transforms.staging import Portion, lineage_of
from spark.transforms.typing import as_text, named

# A file's columns as (name, Spark type).
Layout = tuple[tuple[str, str], ...]

_CLASH = re.compile(r"COLUMN_ALREADY_EXISTS\] The column `+([^`]+)`")


def layout_of(session: SparkSession, file: DeliveredFile) -> Layout:
    """The file's columns, from its footer.

    Raises:
        FileUnreadable: it is no Parquet, or not whole, or of types that the engine does not know.
    """
    try:
        fields = session.read.parquet(file.uri).schema.fields
    except ENGINE_ERRORS as error:
        if clash := _CLASH.search(str(error)):
            # All that Spark says of such a file; Sail reads it, and intake finds the names alike.
            return ((clash[1], "string"), (clash[1], "string"))
        raise FileUnreadable(f"expected Parquet, found: {first_line(error)}") from error
    if not fields:
        raise FileUnreadable("expected Parquet, found a file without columns")
    return tuple((field.name, field.dataType.simpleString()) for field in fields)


def records(session: SparkSession, files: Sequence[DeliveredFile]) -> dict[DeliveredFile, int]:
    """How many rows each file has, as its footer says."""
    if not files:
        return {}
    rows = [
        session.read.parquet(each.uri).select(lit(n).alias("file")) for n, each in enumerate(files)
    ]
    counted = union(rows).groupBy("file").agg(count(lit(1)).alias("rows")).collect()
    return dict.fromkeys(files, 0) | {files[row["file"]]: int(row["rows"]) for row in counted}


def portion(session: SparkSession, files: Sequence[DeliveredFile], layout: Layout) -> Portion:
    """All rows of files of one layout."""
    delivered = {
        name: Delivered(f"_c{position}", kind) for position, (name, kind) in enumerate(layout)
    }
    frame = union([_frame(session, file, len(layout)) for file in files])
    return Portion(frame, delivered, raw_text=_raw_text(delivered))


def names_refused(layout: Layout) -> str:
    """Why a file of which two columns have one name gives no record."""
    return f"expected columns of different names, found: {', '.join(dict(layout))}"


def first_line(error: BaseException) -> str:
    """What an engine says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _frame(session: SparkSession, file: DeliveredFile, width: int) -> DataFrame:
    names = [f"_c{position}" for position in range(width)]
    rows = session.read.parquet(file.uri).toDF(*names)
    return rows.select(*names, *lineage_of(file), expr("CAST(NULL AS bigint)").alias("_row_number"))


def _raw_text(delivered: Mapping[str, Delivered]) -> str:
    """The row as one line of JSON, every value as text."""
    texts = [
        f"{as_text(where.column, found=where.type)} AS {named(name)}"
        for name, where in delivered.items()
    ]
    return f"to_json(struct({', '.join(texts)}))"
