"""The rehearsal of the forecast: weeks that have passed, forecast from what was known before them.

Each window has its own origin, at which every model is fitted anew, and the accuracy of models and
of items is taken from all of them. The hazard is a forecast that was made with the answer in hand:
it would look better than it is, so a blocking check reads what each one had seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.table_checks import table_checks
from product360_assets.forecast import charts
from product360_assets.forecast.accuracy import accuracy, accuracy_by_item
from product360_assets.forecast.steps import ForecastTable, Inputs, forecast_asset
from spark.tables.forecast import (
    DEMAND_BACKTEST,
    FORECAST_ACCURACY,
    ITEM_ACCURACY,
    WEEKLY_DEMAND,
)

if TYPE_CHECKING:
    import pyarrow as pa

HORIZON_WEEKS = 4
# Each is one horizon long and follows the one before: three are the last quarter of a year.
WINDOWS = 3

# The accuracy of the whole backtest, as a condition; with one window, it is that window's.
OVER_ALL_WINDOWS = f"windows = (SELECT max(windows) FROM {FORECAST_ACCURACY.identifier})"


def backtest_rows(inputs: Inputs) -> pa.Table:
    """The last closed weeks, forecast as if they had not happened."""
    return inputs.forecaster.backtest(inputs.rows(WEEKLY_DEMAND), inputs.plan)


def accuracy_rows(inputs: Inputs) -> pa.Table:
    """Every metric of the backtest."""
    return accuracy(inputs.rows(DEMAND_BACKTEST), inputs.rows(WEEKLY_DEMAND))


def item_accuracy_rows(inputs: Inputs) -> pa.Table:
    """The metrics of the backtest that every item has for itself."""
    return accuracy_by_item(inputs.rows(DEMAND_BACKTEST), inputs.rows(WEEKLY_DEMAND))


def backtest_shown(inputs: Inputs) -> dict[str, Any]:
    """The engine's preferred model against what was sold."""
    model = inputs.forecaster.models()[0]
    return {"hidden weeks": charts.hindsight(inputs.warehouse, model=model)}


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


BACKTEST_CLAIMS = all_claims(
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
            SELECT count(*) FILTER (honest IS NOT TRUE) = 0 AS holds, count(*) AS forecasts,
                   count(*) FILTER (honest IS NOT TRUE) AS not_as_of_the_day_before
            FROM (
                SELECT as_of_date = backtestwindow_start_time - 1
                       AND date BETWEEN backtestwindow_start_time AND backtestwindow_end_time
                       AS honest
                FROM {DEMAND_BACKTEST.identifier}
            )
            """,
        ),
        Claim(
            "no_week_is_judged_twice",
            "Windows that overlap would count a week twice in the verdict over all of them.",
            f"""
            SELECT count(*) = 0 AS holds, count(*) AS weeks_of_items_judged_twice
            FROM (
                SELECT 1 FROM {DEMAND_BACKTEST.identifier}
                GROUP BY item_id, date, model HAVING count(*) > 1
            )
            """,
        ),
    ],
)

demand_backtest = forecast_asset(
    ForecastTable(
        DEMAND_BACKTEST, (WEEKLY_DEMAND,), backtest_rows, backtest_shown, BACKTEST_CLAIMS
    ),
    horizon_weeks=HORIZON_WEEKS,
    windows=WINDOWS,
)

demand_backtest_checks = table_checks(DEMAND_BACKTEST, BACKTEST_CLAIMS)

ACCURACY_CLAIMS = all_claims(
    FORECAST_ACCURACY,
    [
        Claim(
            "every_model_is_judged_alike",
            "Models compare only where each has every metric of every window.",
            f"""
            SELECT count(DISTINCT metrics) = 1
                       AND count(*) = count(DISTINCT model) * count(DISTINCT span) AS holds,
                   count(DISTINCT model) AS models, count(DISTINCT span) AS windows
            FROM (
                SELECT model, (backtestwindow_start_time, backtestwindow_end_time) AS span,
                       list_sort(list(metric || ' ' || forecast_type)) AS metrics
                FROM {FORECAST_ACCURACY.identifier} GROUP BY model, span
            )
            """,
        ),
        Claim(
            "the_whole_lies_among_its_windows",
            "What pools all windows cannot be better than the best or worse than the worst.",
            f"""
            WITH parts AS (
                SELECT model, metric, forecast_type, min(value) AS least, max(value) AS most
                FROM {FORECAST_ACCURACY.identifier} WHERE windows = 1 GROUP BY ALL
            )
            SELECT count(*) FILTER (value NOT BETWEEN least - 1e-9 AND most + 1e-9) = 0 AS holds,
                   count(*) AS verdicts, any_value(windows) AS windows
            FROM {FORECAST_ACCURACY.identifier} JOIN parts USING (model, metric, forecast_type)
            WHERE {OVER_ALL_WINDOWS}
            """,
        ),
    ],
)

forecast_accuracy = forecast_asset(
    ForecastTable(
        FORECAST_ACCURACY,
        (WEEKLY_DEMAND, DEMAND_BACKTEST),
        accuracy_rows,
        lambda inputs: {"loss": charts.losses(inputs.warehouse)},
        ACCURACY_CLAIMS,
    ),
    horizon_weeks=HORIZON_WEEKS,
    windows=WINDOWS,
)

forecast_accuracy_checks = table_checks(FORECAST_ACCURACY, ACCURACY_CLAIMS)

ITEM_CLAIMS = all_claims(
    ITEM_ACCURACY,
    [
        Claim(
            "items_add_up_to_the_backtest",
            "An item that lost a week, or a week that is counted twice, is judged by other sales.",
            f"""
            WITH items AS (
                SELECT model, sum(weeks) AS weeks, sum(units) AS units
                FROM {ITEM_ACCURACY.identifier} GROUP BY model
            ),
            backtest AS (
                SELECT model, count(*) AS weeks, sum(target_value) AS units
                FROM {DEMAND_BACKTEST.identifier} GROUP BY model
            )
            SELECT bool_and(i.weeks = b.weeks AND abs(i.units - b.units) <= 1e-6 * b.units)
                       AS holds,
                   count(*) AS models, any_value(b.units) AS units
            FROM items i FULL JOIN backtest b USING (model)
            """,
        ),
        Claim(
            "every_item_has_all_models",
            "A reader who joins by the served model must find the item.",
            f"""
            SELECT count(DISTINCT models) = 1 AS holds, count(*) AS items,
                   max(models) AS models
            FROM (SELECT count(*) AS models FROM {ITEM_ACCURACY.identifier} GROUP BY item_id)
            """,
        ),
    ],
)

item_accuracy = forecast_asset(
    ForecastTable(
        ITEM_ACCURACY,
        (WEEKLY_DEMAND, DEMAND_BACKTEST),
        item_accuracy_rows,
        lambda inputs: {"loss by volume": charts.losses_by_volume(inputs.warehouse)},
        ITEM_CLAIMS,
    ),
    horizon_weeks=HORIZON_WEEKS,
    windows=WINDOWS,
)

item_accuracy_checks = table_checks(ITEM_ACCURACY, ITEM_CLAIMS)
