"""Small frames, written as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from spark.tables import Table

LINEAGE = (
    "_batch_id string, _epoch string, _committed_at timestamp, _change_sequence string, "
    "_operation string"
)

Framer = Callable[[str, Sequence[Sequence[Any]]], DataFrame]
Publisher = Callable[..., DataFrame]
NOTHING: Mapping[str, Any] = {
    "bigint": 0,
    "int": 0,
    "boolean": False,
    "string": "",
    "date": date.min,
    "timestamp": datetime(1970, 1, 1),  # noqa: DTZ001 - the engine's zone is UTC
}


@pytest.fixture
def frame(every_session: SparkSession) -> Framer:
    """Make a frame of a schema (DDL) and rows."""

    def make(schema: str, rows: Sequence[Sequence[Any]]) -> DataFrame:
        return every_session.createDataFrame([tuple(row) for row in rows], schema)

    return make


@pytest.fixture
def changes(frame: Framer) -> Framer:
    """Make clean rows that were all inserted by one load; rows may add their own lineage."""

    def make(schema: str, rows: Sequence[Sequence[Any]]) -> DataFrame:
        width = len(schema.split(","))
        loaded = ("batch-1", "load-1", None, None, "I")
        complete = [(*row, *loaded[len(row) - width :]) for row in rows]
        return frame(f"{schema}, {LINEAGE}", complete)

    return make


@pytest.fixture
def published(frame: Framer) -> Publisher:
    """Make rows of a published table; what a row leaves out is null, or nothing if it must."""

    def make(table: Table, *rows: Mapping[str, Any]) -> DataFrame:
        empty = {
            column.name: None if column.nullable else NOTHING.get(column.type, Decimal(0))
            for column in table.columns
        }
        schema = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        return frame(schema, [list({**empty, **row}.values()) for row in rows])

    return make
