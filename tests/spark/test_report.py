"""What a job reports can be read back by anyone who can list files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from pyspark.sql import SparkSession

from spark.report import Report

RESULT: dict[str, Any] = {
    "dataset": "clean.shop.orders",
    "batch_id": "2017-01-09-0123456789ab",
    "rows_in": 3,
    "rows_out": 2,
    "rows_quarantined": 1,
    "files": 1,
    "bytes": 512,
    "location": "file:///lake/clean/shop/orders",
    "details": {"warn.price": 1},
}


def events(folder: Path) -> list[dict[str, Any]]:
    """Every event in the order of its folder's name."""
    return [
        json.loads(line)
        for event in sorted(folder.iterdir())
        for file in event.iterdir()
        if not file.name.startswith(("_", "."))
        for line in file.read_text().splitlines()
    ]


def test_events_are_read_back_in_the_order_in_which_they_were_reported(
    session: SparkSession, tmp_path: Path
) -> None:
    report = Report(session, f"file://{tmp_path}/report/")
    report.started("clean")
    report.progress('it\'s "half"-way,\nnearly')
    report.results([RESULT])
    report.failed("no more", frames="line 1\nline 2", retryable=True)
    assert events(tmp_path / "report") == [
        {"event": "started", "job": "clean"},
        {"event": "progress", "message": 'it\'s "half"-way,\nnearly'},
        {"event": "results", "results": [{**RESULT, "details": {"warn.price": "1"}}]},
        {"event": "failed", "message": "no more", "frames": "line 1\nline 2", "retryable": True},
    ]


def test_counters_of_an_engine_become_plain_numbers(session: SparkSession, tmp_path: Path) -> None:
    counted = {**RESULT, "rows_in": numpy.int64(3), "details": {"n": numpy.int64(7)}}
    Report(session, f"file://{tmp_path}/report").results([counted])
    (event,) = events(tmp_path / "report")
    assert event["results"] == [{**RESULT, "details": {"n": "7"}}]


def test_a_job_without_work_reports_that(session: SparkSession, tmp_path: Path) -> None:
    Report(session, f"file://{tmp_path}/report").results([])
    assert events(tmp_path / "report") == [{"event": "results", "results": []}]


@pytest.mark.parametrize(
    "wrong",
    [
        {key: value for key, value in RESULT.items() if key != "rows_quarantined"},
        {**RESULT, "rows_lost": 0},
    ],
)
def test_a_result_with_a_field_too_many_or_too_few_is_refused(
    session: SparkSession, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="expected exactly"):
        Report(session, f"file://{tmp_path}/report").results([wrong])
    assert not (tmp_path / "report").exists()
