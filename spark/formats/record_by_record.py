"""Reads text that no fast parser may have: strictly, record by record, with line numbers.

What a record is, `spark.records` says; only bad ones are lost to quarantine. This module runs in
the engine's Python workers and needs pyarrow there (`mapInArrow`). A file is held in memory whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit

from spark.io import union
from spark.records import ENCODING, FILE, STRUCTURE, Record, names_of, records_of
from spark.transforms.contract import DeliveredFile
from spark.transforms.drift import Layout
from spark.transforms.rules import Delivered, Finding
from spark.transforms.staging import Portion, lineage_of

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_BATCH = 10_000


def portion(
    session: SparkSession, files: Sequence[DeliveredFile], names: Sequence[str], kind: str
) -> Portion:
    """All records of the files, with the fields called `names`. `kind` is "csv" or "json"."""
    delivered = {name: Delivered(f"_c{position}", "string") for position, name in enumerate(names)}
    columns = [where.column for where in delivered.values()]
    frame = union([_frame(session, file, names, columns, kind) for file in files])
    findings = [
        Finding(f"_broken <=> '{rule}'", None, rule, "_broken_reason")
        for rule in (STRUCTURE, ENCODING, FILE)
    ]
    return Portion(frame, delivered, raw_text="_text", structure=findings)


def layouts(
    session: SparkSession, files: Sequence[DeliveredFile], kind: str
) -> dict[DeliveredFile, Layout]:
    """How each file is laid out; files without a record that can be read are left out."""
    if not files:
        return {}
    parse = partial(_names_in, kind=kind)
    frames = [
        session.read.format("binaryFile")
        .load(file.uri)
        .select("content")
        .mapInArrow(parse, "place bigint, name string")
        .select(lit(number).alias("file"), "place", "name")
        for number, file in enumerate(files)
    ]
    columns: dict[DeliveredFile, list[tuple[str, None]]] = {}
    for number, _, name in sorted(tuple(row) for row in union(frames).collect()):
        columns.setdefault(files[number], []).append((name, None))
    return {file: Layout(tuple(each), ordered=kind == "csv") for file, each in columns.items()}


def _names_in(
    batches: Iterable[pyarrow.RecordBatch], *, kind: str
) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    for batch in batches:
        for content in batch.column(0).to_pylist():
            names = pyarrow.array(names_of(bytes(content), kind), pyarrow.string())
            places = pyarrow.array(range(len(names)), pyarrow.int64())
            yield pyarrow.RecordBatch.from_arrays([places, names], names=["place", "name"])


def _frame(
    session: SparkSession,
    file: DeliveredFile,
    names: Sequence[str],
    columns: Sequence[str],
    kind: str,
) -> DataFrame:
    def parse(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        for batch in batches:
            for content in batch.column(0).to_pylist():
                yield from _arrow_batches(records_of(bytes(content), kind, names), names, columns)

    texts = ", ".join(f"{column} string" for column in (*columns, "_text"))
    schema = f"{texts}, _row_number bigint, _broken string, _broken_reason string"
    contents = session.read.format("binaryFile").load(file.uri).select("content")
    return contents.mapInArrow(parse, schema).select("*", *lineage_of(file))


def _arrow_batches(
    records: Iterator[Record], names: Sequence[str], columns: Sequence[str]
) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    while True:
        chunk = list(islice(records, ROWS_PER_BATCH))
        if not chunk:
            return
        texts = [[record.fields.get(name) for record in chunk] for name in names]
        arrays = [pyarrow.array(values, pyarrow.string()) for values in texts]
        arrays += [
            pyarrow.array([record.text for record in chunk], pyarrow.string()),
            pyarrow.array([record.line for record in chunk], pyarrow.int64()),
            pyarrow.array([record.broken for record in chunk], pyarrow.string()),
            pyarrow.array([record.reason for record in chunk], pyarrow.string()),
        ]
        labels = [*columns, "_text", "_row_number", "_broken", "_broken_reason"]
        yield pyarrow.RecordBatch.from_arrays(arrays, names=labels)
