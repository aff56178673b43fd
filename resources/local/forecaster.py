"""The embedded forecasting engine: weighted empirical quantiles, beside simpler baselines.

On sparse retail demand an item's own past is hard to beat, and it cannot produce a value that was
never sold. A statistical ensemble (SES, IMAPA, TSB and an eight-week average, with pooled conformal
quantiles) is left out: over the same three windows it lost 9 to 11 percent more than smoothed
quantiles. The hazard is a week whose row is missing: after an item's first week that means zero
sales, never "unknown".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from resources.errors import ContractInvalid
from resources.forecasting import QUANTILES, ForecasterResource, ForecastPlan
from resources.local.demand_models import MODELS, Panel, Prediction

if TYPE_CHECKING:
    import pyarrow as pa

_CODE_VERSION = "empirical-quantiles-2"


class LocalForecaster(ForecasterResource):
    """Smoothed and plain empirical quantiles, and a (seasonal) naive baseline."""

    def models(self) -> tuple[str, ...]:
        """See `ForecasterResource.models`."""
        return tuple(MODELS)

    def forecast(self, history: pa.Table, plan: ForecastPlan, *, model: str) -> pa.Table:
        """See `ForecasterResource.forecast`."""
        if model not in MODELS:
            raise ContractInvalid(
                "The forecasting model",
                found=repr(model),
                expected=f"one of {', '.join(MODELS)}",
                next_move="Run the backtest again: it names the models of this engine.",
            )
        panel = _panel(history).until(plan.last_closed_week)
        if not len(panel.items):
            raise _invalid(f"no week up to {plan.last_closed_week}")
        return _rows(panel, model, MODELS[model](panel, plan.horizon_weeks), plan)

    def backtest(self, history: pa.Table, plan: ForecastPlan) -> pa.Table:
        """See `ForecasterResource.backtest`."""
        import pyarrow as pa

        whole = _panel(history).until(plan.last_closed_week)
        tables = []
        for origin in plan.origins:
            hidden = ForecastPlan(origin + timedelta(days=6), plan.horizon_weeks)
            known = whole.until(origin)
            if not len(known.items):
                break
            for model, predict in MODELS.items():
                rows = _rows(known, model, predict(known, plan.horizon_weeks), hidden)
                tables.append(_with_targets(rows, whole, known, hidden))
        if not tables:
            raise _invalid(f"fewer than {plan.horizon_weeks + 1} weeks up to {plan.as_of}")
        return pa.concat_tables(tables)

    def code_version(self) -> str:
        """The method's own version; raise it when a number can change."""
        return _CODE_VERSION


def _panel(history: pa.Table) -> Panel:
    """The history as a matrix; refuses what would silently be read as other demand."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = {"item_id", "week_start", "demand"} - set(history.column_names)
    if missing:
        raise _invalid(f"no column {', '.join(sorted(missing))}")
    items = pc.unique(history["item_id"]).sort()
    if not len(items):
        raise _invalid("no rows")
    row = pc.index_in(history["item_id"], items).to_numpy()
    day = history["week_start"].cast(pa.int32()).to_numpy()
    # Day 0, 1970-01-01, was a Thursday: Mondays are 4 modulo 7.
    if (day % 7 != 4).any():
        raise _invalid("a week_start that is no Monday")
    column = (day - day.min()) // 7
    demand = np.full((len(items), int(column.max()) + 1), np.nan)
    demand[row, column] = history["demand"].to_numpy()
    if np.count_nonzero(~np.isnan(demand)) != history.num_rows:
        raise _invalid("an item's week twice, or a week without demand")
    started = np.logical_or.accumulate(~np.isnan(demand), axis=1)
    demand[started & np.isnan(demand)] = 0.0
    first_week = pa.scalar(int(day.min()), pa.int32()).cast(pa.date32()).as_py()
    return Panel(items, first_week, demand)


def _invalid(found: str) -> ContractInvalid:
    return ContractInvalid(
        "The demand history",
        found=found,
        expected="one row per item and week (item_id, week_start on a Monday, demand in units)",
        next_move="Look at the training set that was handed to the forecaster.",
    )


def _rows(panel: Panel, model: str, prediction: Prediction, plan: ForecastPlan) -> pa.Table:
    """The prediction in long form, by item and week."""
    import numpy as np
    import pyarrow as pa

    horizon = plan.horizon_weeks
    dates = [plan.last_closed_week + timedelta(weeks=ahead + 1) for ahead in range(horizon)]
    items = len(panel.items)
    whole_units = bool((np.nan_to_num(panel.demand) % 1 == 0).all())
    size = items * horizon
    columns: dict[str, Any] = {
        "item_id": panel.items.take(pa.array(np.repeat(np.arange(items), horizon))),
        "date": pa.array(dates * items, pa.date32()),
    }
    for name in QUANTILES:
        values = getattr(prediction, name).reshape(size)
        # Whole units sell in whole units; rounding measured better than not (wQL .385, not .389).
        columns[name] = np.rint(values) if whole_units else values
    columns["mean"] = prediction.mean.reshape(size)
    columns["model"] = pa.repeat(model, size)
    columns["method"] = pa.array(np.repeat(prediction.methods, horizon), pa.string())
    columns["as_of_date"] = pa.repeat(pa.scalar(plan.as_of, pa.date32()), size)
    return pa.table(columns)


def _with_targets(rows: pa.Table, whole: Panel, known: Panel, hidden: ForecastPlan) -> pa.Table:
    """The rows beside what was really sold; `whole` is opened only here, after predicting."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    start = known.demand.shape[1]
    position = pc.index_in(known.items, whole.items).to_numpy()
    targets = whole.demand[position, start : start + hidden.horizon_weeks]
    first = hidden.last_closed_week + timedelta(weeks=1)
    last = hidden.last_closed_week + timedelta(weeks=hidden.horizon_weeks)
    size = rows.num_rows
    return (
        rows.append_column("target_value", pa.array(np.ascontiguousarray(targets).reshape(size)))
        .append_column("backtestwindow_start_time", pa.repeat(pa.scalar(first, pa.date32()), size))
        .append_column("backtestwindow_end_time", pa.repeat(pa.scalar(last, pa.date32()), size))
    )
