"""What the UI draws of the forecast zone: a chart for each table, from a query of a few rows.

The hazard is a picture of a total: quantiles of items do not add up to a quantile of their sum, so
expectations are drawn item by item, for the few that sell the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import dagster as dg

from product360_assets.core.plots import Fan, bar_chart, fan_chart
from product360_assets.forecast.metrics import AVERAGE, WQL
from resources.warehouse import WarehouseResource
from spark.tables.curated import PRODUCT
from spark.tables.forecast import (
    DEMAND_BACKTEST,
    DEMAND_FORECAST,
    FORECAST_ACCURACY,
    ITEM_ACCURACY,
    WEEKLY_DEMAND,
)

PAST_WEEKS = 26
SHOWN_ITEMS = 6
# As much as fits above a small chart, with the item's number.
_LONGEST_NAME = 18
_LOSS = "wQL, loss per unit sold"

# The items that sold the most lately, with a name that a person knows.
_BEST_SELLERS = f"""
    WITH recent AS (
        FROM {WEEKLY_DEMAND.identifier}
        WHERE week_start > (SELECT max(week_start) FROM {WEEKLY_DEMAND.identifier})
                           - 7 * {PAST_WEEKS}
    ),
    best AS (
        SELECT item_id, sum(demand) AS units FROM recent
        GROUP BY item_id ORDER BY units DESC, item_id LIMIT {SHOWN_ITEMS}
    ),
    named AS (
        SELECT item_id, units, coalesce(product_type, department) AS name
        FROM best LEFT JOIN {PRODUCT.identifier} ON item_id = CAST(product_id AS VARCHAR)
    )
"""


def expected_demand(warehouse: WarehouseResource) -> dg.MarkdownMetadataValue:
    """What the best-selling items sold, and are expected to sell."""
    return fan_chart(
        best_seller_fans(warehouse, f"SELECT * FROM {DEMAND_FORECAST.identifier}"),
        title=f"The {SHOWN_ITEMS} best sellers of {PAST_WEEKS} weeks, each by itself: "
        "quantiles of items do not add up",
        y="units a week",
        past="sold",
    )


def hindsight(warehouse: WarehouseResource, *, model: str) -> dg.MarkdownMetadataValue:
    """What the model expected of the best-selling items in hidden weeks, and what was sold."""
    judged = f"SELECT * FROM {DEMAND_BACKTEST.identifier} WHERE model = ?"
    return fan_chart(
        best_seller_fans(warehouse, judged, model),
        title=f"What {model} expected of hidden weeks, and what was sold",
        y="units a week",
        past="sold",
    )


def best_seller_fans(warehouse: WarehouseResource, expected: str, *parameters: str) -> list[Fan]:
    """One fan for each best seller; `expected` is a query for forecasts of any items."""
    past = warehouse.query(
        f"{_BEST_SELLERS} SELECT item_id, name, week_start, demand "
        "FROM named JOIN recent USING (item_id) ORDER BY units DESC, item_id, week_start"
    ).records()
    coming = warehouse.query(
        f"{_BEST_SELLERS} SELECT item_id, date, p10, p50, p90 "
        f"FROM named JOIN ({expected}) USING (item_id) ORDER BY item_id, date",
        parameters=parameters,
    ).records()
    forecasts = {item: list(rows) for item, rows in groupby(coming, key=itemgetter("item_id"))}
    return [
        _fan(list(rows), forecasts.get(item, ()))
        for item, rows in groupby(past, key=itemgetter("item_id"))
    ]


def losses(warehouse: WarehouseResource) -> dg.MarkdownMetadataValue:
    """Each model's quantile loss, by window and over all of them."""
    rows = warehouse.query(
        f"""
        SELECT model, backtestwindow_start_time AS first, backtestwindow_end_time AS last,
               windows, value
        FROM {FORECAST_ACCURACY.identifier} WHERE metric = ? AND forecast_type = ?
        ORDER BY windows, first, model
        """,
        parameters=[WQL, AVERAGE],
    ).records()
    spans = [span for span, _ in groupby(rows, key=itemgetter("first", "last", "windows"))]
    return bar_chart(
        [_window(*span) for span in spans],
        _by_model(rows),
        title="Quantile loss in weeks that no model had seen (lower is better)",
        x="backtest window",
        y=_LOSS,
    )


def losses_by_volume(warehouse: WarehouseResource) -> dg.MarkdownMetadataValue:
    """Each model's quantile loss, for items that sell rarely and often."""
    rows = warehouse.query(
        f"""
        SELECT model, CASE WHEN units < weeks THEN 'under 1 unit a week'
                           WHEN units < 3 * weeks THEN '1 to 3 units'
                           ELSE '3 units or more' END AS volume,
               sum(wql * units) / sum(units) AS value, min(units / weeks) AS least
        FROM {ITEM_ACCURACY.identifier} WHERE units > 0
        GROUP BY model, volume ORDER BY least, model
        """
    ).records()
    volumes = list(dict.fromkeys(row["volume"] for row in rows))
    found = {(row["model"], row["volume"]): row["value"] for row in rows}
    models = sorted({row["model"] for row in rows})
    return bar_chart(
        volumes,
        {model: [found.get((model, volume)) for volume in volumes] for model in models},
        title="Quantile loss by how much an item sold in the hidden weeks",
        x="items that sold",
        y=_LOSS,
    )


def _fan(past: Sequence[dict[str, Any]], coming: Sequence[dict[str, Any]]) -> Fan:
    name = past[0]["name"] or "item"
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - 1].rstrip() + "…"
    return Fan(
        title=f"{name} ({past[0]['item_id']})",
        past=[(row["week_start"], row["demand"]) for row in past],
        expected=[(row["date"], row["p10"], row["p50"], row["p90"]) for row in coming],
    )


def _window(first: date, last: date, windows: int | None) -> str:
    """The window's first and last day, under how many windows it pools where that is several."""
    end = last + timedelta(days=6)
    span = f"{first.day} {first:%b} to {end.day} {end:%b %Y}"
    return f"all {windows} windows\n{span}" if windows and windows > 1 else span


def _by_model(rows: Sequence[dict[str, Any]]) -> dict[str, list[float | None]]:
    models = sorted({row["model"] for row in rows})
    return {model: [row["value"] for row in rows if row["model"] == model] for model in models}
