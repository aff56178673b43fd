"""Every metric against its definition, written out row by row in plain Python."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from product360_assets.forecast.metrics import accuracy, weekly_changes
from resources.forecasting import ForecastPlan
from resources.local.forecaster import LocalForecaster

MONDAY = date(2017, 1, 2)
START, END = MONDAY + timedelta(weeks=4), MONDAY + timedelta(weeks=5)
Row = dict[str, Any]


def backtest(*rows: tuple[str, int, float, float, float, float, float]) -> pa.Table:
    """item, week of the window, sold, p10, p50, p90, mean."""
    names = ("item_id", "week", "target_value", "p10", "p50", "p90", "mean")
    records: list[Row] = [dict(zip(names, row, strict=True)) for row in rows]
    for record in records:
        record |= {
            "date": START + timedelta(weeks=record.pop("week")),
            "model": "m",
            "backtestwindow_start_time": START,
            "backtestwindow_end_time": END,
        }
    return pa.Table.from_pylist(records)


def history(sales: dict[str, list[float]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"item_id": item, "week_start": MONDAY + timedelta(weeks=week), "demand": float(units)}
            for item, weeks in sales.items()
            for week, units in enumerate(weeks)
        ]
    )


def metrics(table: pa.Table) -> dict[tuple[str, str], float | None]:
    return {(row["metric"], row["forecast_type"]): row["value"] for row in table.to_pylist()}


def expected(rows: list[Row], sales: dict[str, list[float]]) -> dict[tuple[str, str], float | None]:
    """The definitions, one row at a time."""
    total = sum(abs(row["target_value"]) for row in rows)
    found: dict[tuple[str, str], float | None] = {}
    for name, share in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
        loss = 0.0
        for row in rows:
            missed = row["target_value"] - row[name]
            loss += share * missed if missed >= 0 else (share - 1) * missed
        found["wQL", name] = 2 * loss / total if total else None
    quantiles = [found["wQL", name] for name in ("p10", "p50", "p90")]
    found["wQL", "average"] = sum(q for q in quantiles if q is not None) / 3 if total else None
    for name in ("p50", "mean"):
        errors = [abs(row["target_value"] - row[name]) for row in rows]
        found["WAPE", name] = sum(errors) / total if total else None
        found["RMSE", name] = math.sqrt(sum(error**2 for error in errors) / len(errors))
    scaled = []
    for row in rows:
        weeks = sales[row["item_id"]][:4]
        changes = [abs(b - a) for a, b in pairwise(weeks)]
        if changes and sum(changes):
            scale = sum(changes) / len(changes)
            scaled.append(abs(row["target_value"] - row["p50"]) / scale)
    found["MASE", "p50"] = sum(scaled) / len(scaled) if scaled else None
    inside = [row["p10"] <= row["target_value"] <= row["p90"] for row in rows]
    found["coverage", "p10 to p90"] = sum(inside) / len(inside)
    return found


UNITS = st.integers(0, 6).map(float)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_metrics_are_those_of_their_definitions(data: st.DataObject) -> None:
    items = data.draw(st.lists(st.sampled_from("abcd"), unique=True, min_size=1))
    sales = {item: data.draw(st.lists(UNITS, min_size=1, max_size=4)) for item in items}
    rows: list[Any] = []
    for item in items:
        for week in range(2):
            sold, *quantiles, mean = (data.draw(UNITS) for _ in range(5))
            rows.append((item, week, sold, *sorted(quantiles), mean))
    table = backtest(*rows)
    found = metrics(accuracy(table, history(sales)))
    wanted = expected(table.to_pylist(), sales)
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert found[name] == (None if value is None else pytest.approx(value)), name


def test_a_perfect_forecast_loses_nothing() -> None:
    table = backtest(("a", 0, 3, 3, 3, 3, 3), ("a", 1, 1, 1, 1, 1, 1))
    found = metrics(accuracy(table, history({"a": [1, 2, 1, 2]})))
    assert found.pop(("coverage", "p10 to p90")) == 1
    assert set(found.values()) == {0}


def test_no_demand_at_all_has_no_relative_error() -> None:
    found = metrics(accuracy(backtest(("a", 0, 0, 0, 1, 2, 1)), history({"a": [0, 0, 0, 0]})))
    assert found["wQL", "average"] is None
    assert found["WAPE", "p50"] is None
    assert found["MASE", "p50"] is None
    assert found["RMSE", "p50"] == 1


def test_an_item_without_a_past_change_is_not_counted_in_the_scaled_error() -> None:
    table = backtest(("flat", 0, 3, 1, 2, 3, 2), ("moving", 0, 3, 1, 2, 3, 2))
    rows = accuracy(table, history({"flat": [2, 2, 2, 2], "moving": [1, 3, 1, 3]})).to_pylist()
    (scaled,) = [row for row in rows if row["metric"] == "MASE"]
    assert (scaled["value"], scaled["items"]) == (0.5, 1)
    assert {row["items"] for row in rows if row["metric"] != "MASE"} == {2}


def test_the_scale_knows_only_weeks_before_the_window() -> None:
    calm = history({"a": [1, 2, 1, 2, 1, 2]})
    wild = history({"a": [1, 2, 1, 2, 90, 0]})
    assert weekly_changes(calm, before=START) == weekly_changes(wild, before=START) == {"a": 1.0}


def test_each_model_and_window_has_its_own_numbers() -> None:
    sales = {"a": [float(week % 3) for week in range(30)], "b": [2.0] * 30}
    plan = ForecastPlan(MONDAY + timedelta(weeks=30, days=-1), windows=2)
    rows = accuracy(LocalForecaster().backtest(history(sales), plan), history(sales))
    groups = {(row["model"], row["backtestwindow_start_time"]) for row in rows.to_pylist()}
    assert len(groups) == 4
    assert rows.num_rows == 4 * 10


def test_quantiles_beat_the_baseline_on_demand_that_comes_and_goes() -> None:
    draw = np.random.default_rng(7)
    sales = {str(item): draw.poisson(0.8, 40).astype(float).tolist() for item in range(200)}
    plan = ForecastPlan(MONDAY + timedelta(weeks=40, days=-1))
    rows = accuracy(LocalForecaster().backtest(history(sales), plan), history(sales)).to_pylist()
    loss = {
        row["model"]: row["value"]
        for row in rows
        if (row["metric"], row["forecast_type"]) == ("wQL", "average")
    }
    assert loss["empirical_quantiles"] < 0.85 * loss["seasonal_naive"]
