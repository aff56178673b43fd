"""The embedded forecaster, against definitions written out item by item in plain Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import ContractInvalid
from resources.forecasting import ForecastPlan
from resources.local.forecaster import LocalForecaster

MONDAY = date(2017, 1, 2)
Sales = Mapping[str, Sequence[float]]


def history(sales: Sales, *, start: date = MONDAY) -> pa.Table:
    """Each item's weekly demand, oldest first; all items end in the same week."""
    longest = max(len(weeks) for weeks in sales.values())
    rows = [
        (item, start + timedelta(weeks=longest - len(weeks) + week), demand)
        for item, weeks in sales.items()
        for week, demand in enumerate(weeks)
    ]
    items, days, demands = zip(*rows, strict=True)
    return pa.table(
        {
            "item_id": pa.array(items, pa.string()),
            "week_start": pa.array(days, pa.date32()),
            "demand": pa.array(demands, pa.float64()),
        }
    )


def forecast(rows: pa.Table, plan: ForecastPlan, *, model: str = "empirical_quantiles") -> pa.Table:
    return LocalForecaster().forecast(rows, plan, model=model)


def sunday_after(weeks: int) -> date:
    return MONDAY + timedelta(days=7 * weeks - 1)


def weighted_weeks(weeks: Sequence[float], *, smoothed: bool) -> list[tuple[float, float]]:
    """Each week's demand and weight; smoothed: not the first week, and one without a sale."""
    weighted = [(value, math.exp(-0.06 * age)) for age, value in enumerate(reversed(weeks))]
    return [(0.0, 1.0), *weighted[:-1]] if smoothed else weighted


def expected_quantile(weighted: Sequence[tuple[float, float]], share: float) -> float:
    """The smallest value whose weight, with that of all smaller ones, reaches the share."""
    total = sum(weight for _, weight in weighted)
    for candidate in sorted(value for value, _ in weighted):
        if sum(w for value, w in weighted if value <= candidate) >= (share - 1e-9) * total:
            return candidate
    raise AssertionError("a share below one is always reached")


def test_the_last_closed_week_is_the_one_whose_sunday_has_passed() -> None:
    assert ForecastPlan(date(2017, 12, 31)).last_closed_week == date(2017, 12, 25)
    assert ForecastPlan(date(2017, 12, 30)).last_closed_week == date(2017, 12, 18)
    assert ForecastPlan(date(2018, 1, 1)).last_closed_week == date(2017, 12, 25)


def test_an_item_that_always_sells_the_same_is_forecast_to_go_on() -> None:
    rows = forecast(history({"a": [3] * 10}), ForecastPlan(sunday_after(10)))
    assert rows.num_rows == 4
    assert rows["date"].to_pylist() == [MONDAY + timedelta(weeks=10 + week) for week in range(4)]
    for column in ("p10", "p50", "p90", "mean"):
        assert rows[column].to_pylist() == pytest.approx([3.0] * 4)


UNITS = st.integers(0, 9).map(float)
SALES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.lists(UNITS, min_size=1, max_size=30),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(SALES, st.booleans())
def test_quantiles_and_mean_are_those_of_the_definition(sales: Sales, smoothed: bool) -> None:
    weeks = max(len(values) for values in sales.values())
    model = "smoothed_quantiles" if smoothed else "empirical_quantiles"
    rows = forecast(history(sales), ForecastPlan(sunday_after(weeks)), model=model)
    first = {row["item_id"]: row for row in reversed(rows.to_pylist())}
    assert set(first) == set(sales)
    for item, values in sales.items():
        weighted = weighted_weeks(values, smoothed=smoothed)
        for name, share in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
            assert first[item][name] == expected_quantile(weighted, share), (item, name)
        mean = sum(v * w for v, w in weighted) / sum(w for _, w in weighted)
        assert first[item]["mean"] == pytest.approx(mean)


def test_demand_in_parts_of_units_is_not_rounded() -> None:
    rows = forecast(history({"a": [0.25] * 8}), ForecastPlan(sunday_after(8)))
    assert rows["p50"].to_pylist() == [0.25] * 4


def test_a_missing_week_is_a_week_without_sales() -> None:
    whole = history({"a": [5, 0, 0, 5, 0, 5]})
    with_gaps = whole.filter(pc.greater(whole["demand"], 0))
    plan = ForecastPlan(sunday_after(6))
    assert forecast(with_gaps, plan) == forecast(whole, plan)


def test_weeks_of_silence_at_the_end_count_too() -> None:
    plan = ForecastPlan(sunday_after(40))
    rows = forecast(history({"a": [9, 9, 9, 9]}), plan)
    assert rows["p90"].to_pylist() == [0.0] * 4
    assert rows["date"].to_pylist()[0] == MONDAY + timedelta(weeks=40)


def test_a_week_that_is_not_closed_is_not_read() -> None:
    closed, running = history({"a": [1] * 8}), history({"a": [1] * 8 + [90]})
    plan = ForecastPlan(sunday_after(8) + timedelta(days=3))
    assert forecast(running, plan) == forecast(closed, plan)


def test_a_backtest_hides_the_weeks_it_is_judged_by() -> None:
    plan = ForecastPlan(sunday_after(20))
    quiet = LocalForecaster().backtest(history({"a": [2] * 16 + [2] * 4}), plan)
    loud = LocalForecaster().backtest(history({"a": [2] * 16 + [70, 80, 90, 99]}), plan)
    assert loud.drop_columns("target_value") == quiet.drop_columns("target_value")
    assert loud["target_value"].to_pylist() == [70.0, 80.0, 90.0, 99.0] * 3


@settings(max_examples=40, deadline=None)
@given(st.data(), SALES)
def test_what_happens_after_an_origin_changes_no_forecast_from_it(
    data: st.DataObject, sales: Sales
) -> None:
    """Whatever is sold after a window's origin, also by items that nobody knew then."""
    weeks, forecaster = 40, LocalForecaster()
    plan = ForecastPlan(sunday_after(weeks), windows=3)
    origin = data.draw(st.sampled_from(plan.origins))
    known = (origin - MONDAY).days // 7 + 1
    whole = {item: [0.0] * (weeks - len(values)) + list(values) for item, values in sales.items()}
    # A first item that sells from the first week on keeps the calendar where it is.
    whole["always"] = [1.0] * weeks
    other = {
        item: values[:known]
        + data.draw(st.lists(UNITS, min_size=weeks - known, max_size=weeks - known))
        for item, values in whole.items()
    }
    other["later"] = [5.0] * (weeks - known)
    columns = ["item_id", "date", "p10", "p50", "p90", "mean", "model", "method", "as_of_date"]
    first, second = (
        table.filter(pc.equal(table["backtestwindow_start_time"], origin + timedelta(weeks=1)))
        for table in (forecaster.backtest(history(each), plan) for each in (whole, other))
    )
    assert first.num_rows == len(whole) * 4 * 3
    assert first.select(columns) == second.select(columns)
    assert set(first["as_of_date"].to_pylist()) == {origin + timedelta(days=6)}


@settings(max_examples=30, deadline=None)
@given(SALES)
def test_a_window_is_what_would_have_been_forecast_on_its_eve(sales: Sales) -> None:
    table = history({**sales, "always": [1.0] * 40})
    plan = ForecastPlan(sunday_after(40), windows=3)
    tested = LocalForecaster().backtest(table, plan)
    for origin in plan.origins:
        past = table.filter(pc.less_equal(table["week_start"], origin))
        eve = ForecastPlan(origin + timedelta(days=6))
        window = tested.filter(pc.equal(tested["as_of_date"], eve.as_of))
        for model in LocalForecaster().models():
            rows = window.filter(pc.equal(window["model"], model))
            then = forecast(past, eve, model=model)
            assert rows.select(then.column_names) == then


def test_a_backtest_says_which_weeks_it_hid_and_what_it_had_seen() -> None:
    rows = (
        LocalForecaster()
        .backtest(history({"a": [2.0] * 20}), ForecastPlan(sunday_after(20)))
        .to_pylist()
    )
    assert {row["model"] for row in rows} == set(LocalForecaster().models())
    assert {row["backtestwindow_start_time"] for row in rows} == {MONDAY + timedelta(weeks=16)}
    assert {row["backtestwindow_end_time"] for row in rows} == {MONDAY + timedelta(weeks=19)}
    assert {row["as_of_date"] for row in rows} == {sunday_after(16)}
    assert min(row["date"] for row in rows) == MONDAY + timedelta(weeks=16)


def test_an_item_first_sold_inside_the_window_is_not_backtested() -> None:
    rows = LocalForecaster().backtest(
        history({"old": [1] * 20, "new": [1] * 3}), ForecastPlan(sunday_after(20))
    )
    assert set(rows["item_id"].to_pylist()) == {"old"}


def test_several_windows_end_one_horizon_apart() -> None:
    rows = LocalForecaster().backtest(
        history({"a": [1.0] * 20}), ForecastPlan(sunday_after(20), windows=3)
    )
    starts = sorted(set(rows["backtestwindow_start_time"].to_pylist()))
    assert starts == [MONDAY + timedelta(weeks=week) for week in (8, 12, 16)]


def test_the_baseline_repeats_last_week_and_widens_with_distance() -> None:
    rows = (
        LocalForecaster()
        .backtest(history({"a": [4, 6, 4, 6, 4, 6, 9, 9, 9, 9]}), ForecastPlan(sunday_after(10)))
        .to_pylist()
    )
    naive = [row for row in rows if row["model"] == "seasonal_naive"]
    assert {row["method"] for row in naive} == {"last week carried forward"}
    assert [row["p50"] for row in naive] == [6.0] * 4
    # Errors in the sample are always 2: 6 +- 1.28 * 2 * sqrt(weeks ahead), in whole units.
    assert [row["p10"] for row in naive] == [3.0, 2.0, 2.0, 1.0]
    assert [row["p90"] for row in naive] == [9.0, 10.0, 10.0, 11.0]


def test_the_baseline_repeats_last_year_where_there_is_one() -> None:
    year = [float(week) for week in range(52)]
    plan = ForecastPlan(sunday_after(60))
    rows = (
        LocalForecaster()
        .backtest(history({"old": [*year, *year[:8]], "young": [1.0] * 20}), plan)
        .to_pylist()
    )
    naive = {
        item: [r for r in rows if r["model"] == "seasonal_naive" and r["item_id"] == item]
        for item in ("old", "young")
    }
    assert [row["p50"] for row in naive["old"]] == [4.0, 5.0, 6.0, 7.0]
    assert {row["method"] for row in naive["old"]} == {"same week a year ago"}
    assert {row["method"] for row in naive["young"]} == {"last week carried forward"}


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (history({"a": [1.0]}).drop_columns("demand"), "no column demand"),
        (history({"a": [1.0]}, start=date(2017, 1, 3)), "no Monday"),
        (pa.concat_tables([history({"a": [1.0]})] * 2), "week twice"),
        (history({"a": [1.0]}).slice(1), "no rows"),
        (history({"a": [1.0]}, start=date(2018, 1, 1)), "no week up to 2017-01-02"),
    ],
)
def test_a_history_that_could_be_misread_is_refused(broken: pa.Table, found: str) -> None:
    with pytest.raises(ContractInvalid, match=found):
        forecast(broken, ForecastPlan(sunday_after(1)))


def test_the_models_of_a_backtest_can_be_asked_to_forecast() -> None:
    plan = ForecastPlan(sunday_after(8))
    for model in LocalForecaster().models():
        rows = LocalForecaster().forecast(history({"a": [2.0] * 8}), plan, model=model)
        assert set(rows["model"].to_pylist()) == {model}
        assert rows["p50"].to_pylist() == [2.0] * 4


def test_an_item_that_was_sold_once_just_now_is_not_taken_for_a_best_seller() -> None:
    plan, sales = ForecastPlan(sunday_after(8)), history({"new": [9.0], "old": [2.0] * 8})
    high = {
        model: forecast(sales, plan, model=model).to_pylist()[0]["p90"]
        for model in ("empirical_quantiles", "smoothed_quantiles")
    }
    assert high == {"empirical_quantiles": 9.0, "smoothed_quantiles": 0.0}


def test_a_model_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(ContractInvalid, match="empirical_quantiles, seasonal_naive"):
        LocalForecaster().forecast(
            history({"a": [2.0] * 8}), ForecastPlan(sunday_after(8)), model="oracle"
        )


def test_a_history_too_short_to_hide_anything_is_refused() -> None:
    with pytest.raises(ContractInvalid, match="fewer than 5 weeks"):
        LocalForecaster().backtest(history({"a": [1.0] * 4}), ForecastPlan(sunday_after(4)))
