"""Backtest, accuracy and forecast of weekly demand: test first, then let the best model speak.

The model that forecasts is the one that did best on weeks it had not seen, even if that is the
naive baseline: nobody is served a model that loses to "the same as last time". The hazard is a
verdict over too little: one window of four weeks is a fact about those weeks and no more, which is
why every number is stored beside its window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from product360_assets.curated.claims import Claim, table_checks
from product360_assets.forecast.metrics import AVERAGE, WQL, accuracy
from product360_assets.forecast.steps import ForecastTable, Inputs, forecast_asset
from spark.tables.forecast import (
    DEMAND_BACKTEST,
    DEMAND_FORECAST,
    FORECAST_ACCURACY,
    WEEKLY_DEMAND,
)

if TYPE_CHECKING:
    import pyarrow as pa

HORIZON_WEEKS = 4
WINDOWS = 1


def backtest_rows(inputs: Inputs) -> pa.Table:
    """The last closed weeks, forecast as if they had not happened."""
    return inputs.forecaster.backtest(inputs.rows(WEEKLY_DEMAND), inputs.plan)


def accuracy_rows(inputs: Inputs) -> pa.Table:
    """Every metric of the backtest."""
    return accuracy(inputs.rows(DEMAND_BACKTEST), inputs.rows(WEEKLY_DEMAND))


def forecast_rows(inputs: Inputs) -> pa.Table:
    """The coming weeks, by the model that did best in the backtest."""
    model = best_model(inputs)
    return inputs.forecaster.forecast(inputs.rows(WEEKLY_DEMAND), inputs.plan, model=model)


def best_model(inputs: Inputs) -> str:
    """The model of least quantile loss over all windows; without a verdict, the engine's own."""
    verdicts = inputs.warehouse.query(
        f"""
        SELECT model FROM {FORECAST_ACCURACY.identifier}
        WHERE metric = ? AND forecast_type = ? AND value IS NOT NULL
        GROUP BY model ORDER BY avg(value), model
        """,
        parameters=[WQL, AVERAGE],
    )
    best = next((row[0] for row in verdicts.rows), inputs.forecaster.models()[0])
    return str(best)


demand_backtest = forecast_asset(
    ForecastTable(DEMAND_BACKTEST, (WEEKLY_DEMAND,), backtest_rows),
    horizon_weeks=HORIZON_WEEKS,
    windows=WINDOWS,
)

forecast_accuracy = forecast_asset(
    ForecastTable(FORECAST_ACCURACY, (WEEKLY_DEMAND, DEMAND_BACKTEST), accuracy_rows),
    horizon_weeks=HORIZON_WEEKS,
    windows=WINDOWS,
)

demand_forecast = forecast_asset(
    ForecastTable(DEMAND_FORECAST, (WEEKLY_DEMAND, FORECAST_ACCURACY), forecast_rows),
    horizon_weeks=HORIZON_WEEKS,
    windows=WINDOWS,
)


def quantiles_are_ordered(table: str) -> Claim:
    """A range whose low end is above its high end is no range."""
    return Claim(
        "quantiles_are_ordered",
        "A range whose low end is above its high end is no range; demand is never negative.",
        f"""
        SELECT count(*) FILTER (ordered IS NOT TRUE) = 0 AS holds,
               count(*) AS forecasts, count(*) FILTER (ordered IS NOT TRUE) AS out_of_order
        FROM (SELECT 0 <= p10 AND p10 <= p50 AND p50 <= p90 AND mean >= 0 AS ordered FROM {table})
        """,
    )


demand_backtest_checks = table_checks(
    DEMAND_BACKTEST,
    [
        quantiles_are_ordered(DEMAND_BACKTEST.identifier),
        Claim(
            "targets_are_what_was_sold",
            "A backtest that is judged by other numbers than the sales proves nothing.",
            f"""
            SELECT count(*) FILTER (target_value IS DISTINCT FROM demand) = 0 AS holds,
                   count(*) AS forecasts,
                   count(*) FILTER (target_value IS DISTINCT FROM demand) AS other_targets
            FROM {DEMAND_BACKTEST.identifier} b
            LEFT JOIN {WEEKLY_DEMAND.identifier} w
                ON w.item_id = b.item_id AND w.week_start = b.date
            """,
        ),
        Claim(
            "no_model_saw_the_hidden_weeks",
            "A forecast made with the answer in hand would look better than it is.",
            f"""
            SELECT count(*) = 0 AS holds, count(*) AS forecasts
            FROM {DEMAND_BACKTEST.identifier} WHERE as_of_date >= backtestwindow_start_time
            """,
        ),
    ],
)

forecast_accuracy_checks = table_checks(
    FORECAST_ACCURACY,
    [
        Claim(
            "every_model_is_judged_alike",
            "Models compare only where each has every metric of every window.",
            f"""
            SELECT count(DISTINCT metrics) = 1 AS holds, count(*) AS models_and_windows
            FROM (
                SELECT list_sort(list(metric || ' ' || forecast_type)) AS metrics
                FROM {FORECAST_ACCURACY.identifier} GROUP BY model, backtestwindow_start_time
            )
            """,
        ),
    ],
)

demand_forecast_checks = table_checks(
    DEMAND_FORECAST,
    [
        quantiles_are_ordered(DEMAND_FORECAST.identifier),
        Claim(
            "every_item_has_its_whole_horizon",
            "A planner who sums up four weeks must not sum up three.",
            f"""
            WITH last AS (SELECT max(week_start) AS week FROM {WEEKLY_DEMAND.identifier}),
            items AS (
                SELECT count(*) = {HORIZON_WEEKS} AND min(date) = any_value(week) + 7
                           AND max(date) = any_value(week) + 7 * {HORIZON_WEEKS} AS whole
                FROM {DEMAND_FORECAST.identifier}, last GROUP BY item_id
            )
            SELECT count(*) FILTER (NOT whole) = 0 AND count(*) = learned AS holds,
                   count(*) AS items, any_value(learned) AS items_learned,
                   count(*) FILTER (NOT whole) AS items_with_gaps
            FROM items,
                (SELECT count(DISTINCT item_id) AS learned FROM {WEEKLY_DEMAND.identifier})
            GROUP BY learned
            """,
        ),
        Claim(
            "the_range_covers_what_was_sold",
            "Eight weeks of ten should lie between p10 and p90; counts of rare items cover more.",
            f"""
            SELECT min(value) BETWEEN 0.7 AND 1 AS holds, round(min(value), 3) AS coverage
            FROM {FORECAST_ACCURACY.identifier}
            WHERE metric = 'coverage'
                AND model IN (SELECT model FROM {DEMAND_FORECAST.identifier})
            """,
            blocking=False,
        ),
        Claim(
            "the_forecast_beats_its_baseline",
            "Where the naive model wins, it is the one that is served, and somebody should know.",
            f"""
            SELECT any_value(model) <> 'seasonal_naive' AS holds, any_value(model) AS model
            FROM {DEMAND_FORECAST.identifier}
            """,
            blocking=False,
        ),
    ],
)
