"""What readers meet first: views that join what several zones know of one thing."""

from __future__ import annotations

from spark.tables.curated import PRODUCT_360
from spark.tables.forecast import DEMAND_FORECAST, FORECAST_ACCURACY, ITEM_ACCURACY
from spark.tables.model import Column, View

OUTLOOK_WEEKS = 4
_QUANTILES = {
    "p10": "that demand stays under in one case of ten",
    "p50": "that demand stays under in half of the cases",
    "p90": "that demand stays under in nine cases of ten",
}

_WEEKS = tuple(
    Column(
        f"{quantile}_week_{week}",
        "double",
        f"Units {meaning}, in week {week} after as_of_date; null for what is not forecast.",
    )
    for week in range(1, OUTLOOK_WEEKS + 1)
    for quantile, meaning in _QUANTILES.items()
)

_OUTLOOK = (
    Column("forecast_as_of_date", "date", "Last business day that the forecaster had seen."),
    Column("first_forecast_week", "date", "Monday of week 1 of the forecast."),
    *_WEEKS,
    Column(
        "expected_units_28d",
        "double",
        "Expected units over the four weeks: their means, added up. Quantiles do not add up.",
    ),
    Column("forecast_model", "string", "Engine and model that made the forecast."),
    Column("forecast_method", "string", "How the model treated this product."),
    Column(
        "item_wape",
        "double",
        "Absolute error of the model's p50 for this product per unit sold, over all backtest "
        "windows; null where nothing was sold in them.",
    ),
    Column(
        "model_wql",
        "double",
        "Average weighted quantile loss of the model over all products and windows; lower is "
        "better.",
    ),
    Column(
        "model_coverage",
        "double",
        "Share of backtest weeks of all products whose demand was between p10 and p90.",
    ),
)

_PRODUCTS = ",\n       ".join(f"p.{column.name}" for column in PRODUCT_360.columns)
_OF_WEEK = ",\n           ".join(
    f"max(CASE WHEN week = {week} THEN {quantile} END) AS {quantile}_week_{week}"
    for week in range(1, OUTLOOK_WEEKS + 1)
    for quantile in _QUANTILES
)
_WEEK_NAMES = ",\n       ".join(f"f.{column.name}" for column in _WEEKS)

# The whole backtest is the verdict over the most windows; each model has it once.
_QUERY = f"""
WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY item_id ORDER BY date) AS week
    FROM {DEMAND_FORECAST.identifier}
),
forecast AS (
    SELECT CAST(item_id AS bigint) AS product_id, item_id, max(model) AS model,
           max(method) AS method, max(as_of_date) AS as_of_date, min(date) AS first_week,
           sum(CASE WHEN week <= {OUTLOOK_WEEKS} THEN mean END) AS expected,
           {_OF_WEEK}
    FROM numbered GROUP BY item_id
),
verdict AS (
    SELECT model,
           max(CASE WHEN metric = 'wQL' AND forecast_type = 'average' THEN value END) AS wql,
           max(CASE WHEN metric = 'coverage' THEN value END) AS coverage
    FROM {FORECAST_ACCURACY.identifier}
    WHERE windows = (SELECT max(windows) FROM {FORECAST_ACCURACY.identifier})
    GROUP BY model
)
SELECT {_PRODUCTS},
       f.as_of_date AS forecast_as_of_date,
       f.first_week AS first_forecast_week,
       {_WEEK_NAMES},
       f.expected AS expected_units_28d,
       f.model AS forecast_model,
       f.method AS forecast_method,
       i.wape AS item_wape,
       v.wql AS model_wql,
       v.coverage AS model_coverage
FROM {PRODUCT_360.identifier} p
LEFT JOIN forecast f ON f.product_id = p.product_id
LEFT JOIN {ITEM_ACCURACY.identifier} i ON i.item_id = f.item_id AND i.model = f.model
LEFT JOIN verdict v ON v.model = f.model
""".strip()

PRODUCT_360_OUTLOOK = View(
    zone="serving",
    name="product_360_outlook",
    doc="Each product as the business sees it today, beside what is expected of the next four "
    "weeks and how far such expectations were from what was sold.",
    grain="one row per product",
    owner="category-management",
    key=("product_id",),
    columns=(*PRODUCT_360.columns, *_OUTLOOK),
    reads=(PRODUCT_360, DEMAND_FORECAST, FORECAST_ACCURACY, ITEM_ACCURACY),
    query=_QUERY,
)
