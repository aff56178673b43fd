"""Small frames, written as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

LINEAGE = (
    "_batch_id string, _epoch string, _committed_at timestamp, _change_sequence string, "
    "_operation string"
)

Framer = Callable[[str, Sequence[Sequence[Any]]], DataFrame]


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
