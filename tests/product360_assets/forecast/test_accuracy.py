"""Every metric against its definition, written out row by row in plain Python."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from product360_assets.forecast.accuracy import accuracy, accuracy_by_item, judged
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
    table = backtest(("a", 0, 3, 1, 2, 3, 2), ("new", 0, 3, 1, 2, 3, 2))
    for later in ([1, 2], [90, 0]):
        scale = judged(table, history({"a": [1, 2, 1, 2, *later], "new": [4]})).scale
        assert scale[0] == 1.0
        assert math.isnan(scale[1])


def rolling(sales: dict[str, list[float]], weeks: int, windows: int = 3) -> pa.Table:
    plan = ForecastPlan(MONDAY + timedelta(weeks=weeks, days=-1), windows=windows)
    return LocalForecaster().backtest(history(sales), plan)


def sporadic(items: int, weeks: int, *, rate: float = 0.8) -> dict[str, list[float]]:
    draw = np.random.default_rng(7)
    return {str(n): draw.poisson(rate, weeks).astype(float).tolist() for n in range(items)}


def test_each_model_and_window_has_its_own_numbers_and_so_has_the_whole() -> None:
    sales = {"a": [float(week % 3) for week in range(30)], "b": [2.0] * 30}
    rows = accuracy(rolling(sales, 30), history(sales)).to_pylist()
    first, last = MONDAY + timedelta(weeks=18), MONDAY + timedelta(weeks=29)
    spans = {
        (row["backtestwindow_start_time"], row["backtestwindow_end_time"], row["windows"])
        for row in rows
    }
    single = {
        (first + timedelta(weeks=4 * n), first + timedelta(weeks=4 * n + 3), 1) for n in range(3)
    }
    assert spans == {*single, (first, last, 3)}
    models = {row["model"] for row in rows}
    assert len(rows) == len(models) * 4 * 10


def test_one_window_is_the_whole_and_stands_once() -> None:
    sales = sporadic(5, 20)
    rows = accuracy(rolling(sales, 20, windows=1), history(sales)).to_pylist()
    keys = [(row["model"], row["metric"], row["forecast_type"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert {row["windows"] for row in rows} == {1}


def test_the_whole_pools_its_windows_and_is_not_their_mean() -> None:
    # Windows of very different demand: the mean of their losses would be another number.
    draw = np.random.default_rng(5)
    sales = {str(n): [*draw.poisson(1, 22), *draw.poisson(9, 8)] for n in range(20)}
    table = rolling(sales, 30)
    rows = accuracy(table, history(sales)).to_pylist()
    judging = {"metric": "wQL", "forecast_type": "average", "model": "seasonal_naive"}
    found = [row for row in rows if judging.items() <= row.items()]
    (whole,) = [row["value"] for row in found if row["windows"] == 3]
    parts = [row["value"] for row in found if row["windows"] == 1]
    records = [row for row in table.to_pylist() if row["model"] == "seasonal_naive"]
    sold = sum(row["target_value"] for row in records)
    loss = 0.0
    for row in records:
        for name, share in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
            missed = row["target_value"] - row[name]
            loss += 2 * max(share * missed, (share - 1) * missed) / 3
    assert whole == pytest.approx(loss / sold)
    assert min(parts) < whole < max(parts)
    assert abs(whole - sum(parts) / 3) > 0.01


def test_metrics_of_a_case_that_fits_on_a_napkin() -> None:
    # Sold 4 and 0; p50 2 and 1; the item's changes before were 2, 2, 2.
    table = backtest(("a", 0, 4, 1, 2, 3, 2.5), ("a", 1, 0, 0, 1, 2, 1.5))
    found = metrics(accuracy(table, history({"a": [1, 3, 1, 3]})))
    assert found == {
        ("wQL", "p10"): pytest.approx(2 * (0.1 * 3 + 0) / 4),
        ("wQL", "p50"): pytest.approx(2 * (0.5 * 2 + 0.5 * 1) / 4),
        ("wQL", "p90"): pytest.approx(2 * (0.9 * 1 + 0.1 * 2) / 4),
        ("wQL", "average"): pytest.approx((0.15 + 0.75 + 0.55) / 3),
        ("WAPE", "p50"): pytest.approx(3 / 4),
        ("WAPE", "mean"): pytest.approx(3 / 4),
        ("RMSE", "p50"): pytest.approx(math.sqrt((4 + 1) / 2)),
        ("RMSE", "mean"): pytest.approx(math.sqrt((2.25 + 2.25) / 2)),
        ("MASE", "p50"): pytest.approx((2 / 2 + 1 / 2) / 2),
        ("coverage", "p10 to p90"): 0.5,
    }


def test_an_item_is_judged_as_if_it_were_the_only_one() -> None:
    sales = {**sporadic(6, 30), "young": [1.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0], "asleep": [3.0, 3.0]}
    sales["asleep"] += [0.0] * 20
    # All end in the same week.
    table = pa.concat_tables(
        history({item: weeks}).set_column(
            1,
            "week_start",
            pa.array(
                [MONDAY + timedelta(weeks=30 - len(weeks) + n) for n in range(len(weeks))],
                pa.date32(),
            ),
        )
        for item, weeks in sales.items()
    )
    plan = ForecastPlan(MONDAY + timedelta(weeks=30, days=-1), windows=3)
    tested = LocalForecaster().backtest(table, plan)
    rows = accuracy_by_item(tested, table).to_pylist()
    assert len(rows) == 3 * len(sales)
    columns = {
        "wql": ("wQL", "average"),
        "wape": ("WAPE", "p50"),
        "rmse": ("RMSE", "p50"),
        "mase": ("MASE", "p50"),
        "coverage": ("coverage", "p10 to p90"),
    }
    for row in rows:
        alone = tested.filter(
            pc.and_(
                pc.equal(tested["item_id"], row["item_id"]), pc.equal(tested["model"], row["model"])
            )
        )
        verdicts = accuracy(alone, table).to_pylist()
        most = max(verdict["windows"] for verdict in verdicts)
        whole = {
            (verdict["metric"], verdict["forecast_type"]): verdict["value"]
            for verdict in verdicts
            if verdict["windows"] == most
        }
        assert row["weeks"] == alone.num_rows
        assert row["units"] == sum(alone["target_value"].to_pylist())
        for column, metric in columns.items():
            value = whole[metric]
            assert row[column] == (None if value is None else pytest.approx(value)), column
    (asleep,) = [
        row for row in rows if (row["item_id"], row["model"]) == ("asleep", "seasonal_naive")
    ]
    assert (asleep["weeks"], asleep["units"]) == (12, 0.0)
    assert (asleep["wql"], asleep["wape"]) == (None, None)


def test_quantiles_beat_the_baseline_on_demand_that_comes_and_goes() -> None:
    sales = sporadic(200, 40)
    rows = accuracy(rolling(sales, 40, windows=1), history(sales)).to_pylist()
    loss = {
        row["model"]: row["value"]
        for row in rows
        if (row["metric"], row["forecast_type"]) == ("wQL", "average")
    }
    for model in ("empirical_quantiles", "smoothed_quantiles"):
        assert loss[model] < 0.85 * loss["seasonal_naive"]
