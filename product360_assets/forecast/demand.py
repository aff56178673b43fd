"""The forecast of weekly demand, by whichever model did best in the backtest.

That may be the naive baseline: nobody is served a model that loses to "the same as last time". The
hazard is a verdict over too little: a window of four weeks is a fact about those weeks and no more,
so the pooled loss of all windows decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.table_checks import table_checks
from product360_assets.forecast import charts
from product360_assets.forecast.backtest import (
    HORIZON_WEEKS,
    OVER_ALL_WINDOWS,
    WINDOWS,
    quantiles_are_ordered,
)
from product360_assets.forecast.metrics import AVERAGE, COVERAGE, WQL
from product360_assets.forecast.steps import ForecastTable, Inputs, forecast_asset
from spark.tables.forecast import DEMAND_FORECAST, FORECAST_ACCURACY, WEEKLY_DEMAND

if TYPE_CHECKING:
    import pyarrow as pa


def forecast_rows(inputs: Inputs) -> pa.Table:
    """The coming weeks, by the model that did best in the backtest."""
    model = best_model(inputs)
    return inputs.forecaster.forecast(inputs.rows(WEEKLY_DEMAND), inputs.plan, model=model)


def best_model(inputs: Inputs) -> str:
    """The model of least quantile loss over all windows; without a verdict, the engine's own."""
    verdicts = inputs.warehouse.query(
        f"""
        SELECT model FROM {FORECAST_ACCURACY.identifier}
        WHERE metric = ? AND forecast_type = ? AND value IS NOT NULL AND {OVER_ALL_WINDOWS}
        ORDER BY value, model
        """,
        parameters=[WQL, AVERAGE],
    )
    best = next((row[0] for row in verdicts.rows), inputs.forecaster.models()[0])
    return str(best)


def forecast_shown(inputs: Inputs) -> dict[str, Any]:
    """The model that is served, and what it expects."""
    return {
        "model": best_model(inputs),
        "expected demand": charts.expected_demand(inputs.warehouse),
    }


CLAIMS = all_claims(
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
            WHERE metric = '{COVERAGE}' AND {OVER_ALL_WINDOWS}
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

demand_forecast = forecast_asset(
    ForecastTable(
        DEMAND_FORECAST, (WEEKLY_DEMAND, FORECAST_ACCURACY), forecast_rows, forecast_shown, CLAIMS
    ),
    horizon_weeks=HORIZON_WEEKS,
    windows=WINDOWS,
)

demand_forecast_checks = table_checks(DEMAND_FORECAST, CLAIMS)
