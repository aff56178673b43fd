"""Answers keep their values in every format."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

from product360_assets.cli.output import as_csv, as_json, as_table, json_rows

COLUMNS = ("text", "day", "moment", "money", "number", "missing")
ROW = ("a,b", date(2017, 1, 2), datetime(2017, 1, 2, 3, 4, tzinfo=UTC), Decimal("1.10"), 2.5, None)


def test_csv_reads_back_as_what_it_was() -> None:
    header, row = csv.reader(io.StringIO(as_csv(COLUMNS, [ROW])))
    assert header == list(COLUMNS)
    assert row == ["a,b", "2017-01-02", "2017-01-02 03:04:00+00:00", "1.10", "2.5", ""]


def test_json_has_dates_as_text_and_numbers_as_numbers() -> None:
    (row,) = json.loads(as_json(json_rows(COLUMNS, [ROW])))
    assert row["day"] == "2017-01-02"
    assert row["money"] == 1.1
    assert row["missing"] is None


def test_a_decimal_that_a_double_cannot_hold_stays_exact() -> None:
    large = Decimal("12345678901234567.89")
    assert json.loads(as_json([large])) == ["12345678901234567.89"]


def test_json_has_no_nan() -> None:
    assert json_rows(["x"], [[float("nan")], [float("inf")], [1.0]]) == [
        {"x": None},
        {"x": None},
        {"x": 1.0},
    ]


def test_a_table_cuts_nothing_off() -> None:
    wide = "x" * 300
    assert wide in as_table(["column"], [[wide]])


def test_a_table_shows_brackets_as_they_are() -> None:
    assert "[bold]" in as_table(["column"], [["[bold]"]])


def test_an_answer_without_rows_shows_its_columns() -> None:
    assert "column" in as_table(["column"], [])
    assert as_csv(["column"], []) == "column"
