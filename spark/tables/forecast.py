"""The forecast zone's tables: what was sold by week, what we expect, and how well we did.

All are in long form and share `item_id` and `date`, so that each engine's output looks the same.
Quantiles are P10, P50 and P90 of weekly units.
"""

from __future__ import annotations

from spark.tables.model import Column, Table

_OWNER = "demand-planning"
_ITEM = Column("item_id", "string", "Forecast item: the product's id as text.", nullable=False)
_DATE = Column("date", "date", "Monday of the forecast week, local time.", nullable=False)
_FORECAST = (
    Column("p10", "double", "Units that demand stays under in one week of ten."),
    Column("p50", "double", "Units that demand stays under in half of the weeks."),
    Column("p90", "double", "Units that demand stays under in nine weeks of ten."),
    Column("mean", "double", "Expected units."),
)
_MODEL = Column("model", "string", "Engine and model that made the forecast.", nullable=False)
_METHOD = Column("method", "string", "How the model treated this item.")
_AS_OF = Column("as_of_date", "date", "Last business day that the forecaster had seen.")
_WINDOW = (
    Column(
        "backtestwindow_start_time",
        "date",
        "First week that was hidden from the forecaster.",
        nullable=False,
    ),
    Column("backtestwindow_end_time", "date", "Last hidden week.", nullable=False),
)

WEEKLY_DEMAND = Table(
    zone="forecast",
    name="weekly_demand",
    doc="Units sold by product and closed week: the forecaster's training set. Weeks without a "
    "sale since the product's first one are zero; fuel is left out.",
    grain="one row per item and week",
    owner=_OWNER,
    key=("item_id", "week_start"),
    columns=(
        _ITEM,
        Column("week_start", "date", "Monday of the week, local time.", nullable=False),
        Column("demand", "double", "Units sold in the week.", nullable=False),
    ),
)

DEMAND_FORECAST = Table(
    zone="forecast",
    name="demand_forecast",
    doc="Expected weekly units per product, with their uncertainty.",
    grain="one row per item and week",
    owner=_OWNER,
    key=("item_id", "date"),
    columns=(_ITEM, _DATE, *_FORECAST, _MODEL, _METHOD, _AS_OF),
)

DEMAND_BACKTEST = Table(
    zone="forecast",
    name="demand_backtest",
    doc="Forecasts of weeks that had already happened, beside what was sold in them.",
    grain="one row per item, week, model and backtest window",
    owner=_OWNER,
    key=("item_id", "date", "model", "backtestwindow_start_time", "backtestwindow_end_time"),
    columns=(
        _ITEM,
        _DATE,
        *_FORECAST,
        _MODEL,
        _METHOD,
        _AS_OF,
        Column("target_value", "double", "Units that were really sold."),
        *_WINDOW,
    ),
)

FORECAST_ACCURACY = Table(
    zone="forecast",
    name="forecast_accuracy",
    doc="How far each model's backtest was from what was sold, beside simple baselines. Beside "
    "each window stands the whole backtest, as a window from the first hidden week to the last: "
    "its rows are pooled and judged at once, which is not the mean of the windows.",
    grain="one row per model, backtest window (and the whole backtest), metric and forecast type",
    owner=_OWNER,
    key=(
        "model",
        "backtestwindow_start_time",
        "backtestwindow_end_time",
        "metric",
        "forecast_type",
    ),
    columns=(
        _MODEL,
        *_WINDOW,
        Column(
            "metric",
            "string",
            "wQL: quantile loss per unit sold. WAPE: absolute error per unit sold. RMSE: root mean "
            "square error, units a week. MASE: absolute error per the item's mean change from week "
            "to week before the window. coverage: share of weeks between p10 and p90.",
            nullable=False,
        ),
        Column(
            "forecast_type",
            "string",
            "What is judged: a quantile, the mean, the range, or for wQL the average of the "
            "quantiles' losses.",
            nullable=False,
        ),
        Column(
            "value",
            "double",
            "The metric's value, lower is better, except coverage; null where nothing was sold.",
        ),
        Column("items", "bigint", "Items that the value is computed over."),
        Column(
            "windows",
            "bigint",
            "Backtest windows that the value pools: 1, or all of them for the whole backtest.",
        ),
    ),
)

ITEM_ACCURACY = Table(
    zone="forecast",
    name="item_accuracy",
    doc="How far each model's backtest was from what was sold of each item, over all windows. Join "
    "by item and model to know how far a served forecast can be trusted.",
    grain="one row per item and model",
    owner=_OWNER,
    key=("item_id", "model"),
    columns=(
        _ITEM,
        _MODEL,
        Column("weeks", "bigint", "Hidden weeks that are judged: those of all windows together."),
        Column("units", "double", "Units that were really sold in them."),
        Column(
            "wql",
            "double",
            "Quantile loss per unit sold, average of p10, p50 and p90; null where nothing sold.",
        ),
        Column("wape", "double", "Absolute error of p50 per unit sold; null where nothing sold."),
        Column("rmse", "double", "Root mean square error of p50, units a week."),
        Column(
            "mase",
            "double",
            "Absolute error of p50 per the item's mean change from week to week before each "
            "window: under 1 is better than repeating the last week; null where it never changed.",
        ),
        Column("coverage", "double", "Share of the weeks that lay between p10 and p90."),
    ),
)
