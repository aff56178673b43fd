"""The embedded forecasting engine: weighted empirical quantiles, beside a naive baseline.

An item's own past weeks are its distribution; newer weeks weigh more. On sparse retail demand this
is within a percent of anything that costs a thousand times its CPU, and it cannot produce a value
that was never sold. All items are one matrix (items by weeks, NaN before an item's first week), so
there is no loop over items. The hazard is a week whose row is missing: after an item's first week
that means zero sales, never "unknown".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from resources.errors import ContractInvalid
from resources.forecasting import QUANTILES, ForecasterResource, ForecastPlan

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Words = NDArray[np.str_]

# Measured on a year of grocery sales over three windows of four weeks; slower and faster are worse.
DECAY_PER_WEEK = 0.06
SEASON_WEEKS = 52
# A normal distribution has 80 % of its mass within so many standard deviations.
_EIGHTY_PERCENT = 1.2815515655446004
_CODE_VERSION = "empirical-quantiles-1"


@dataclass(frozen=True)
class _Panel:
    """Demand as a matrix: one row per item, one column per week, oldest first."""

    items: pa.Array
    first_week: date
    demand: Matrix

    def until(self, week: date) -> _Panel:
        """The panel with `week` as its last column, without items that start later."""
        import numpy as np
        import pyarrow as pa

        columns = max((week - self.first_week).days // 7 + 1, 0)
        visible = self.demand[:, :columns]
        known = ~np.isnan(visible).all(axis=1)
        silent = np.zeros((int(known.sum()), columns - visible.shape[1]))
        demand = np.hstack([visible[known], silent])
        return _Panel(self.items.filter(pa.array(known)), self.first_week, demand)


@dataclass(frozen=True)
class _Prediction:
    """Quantiles and mean by item, or by item and week; all matrices are of one shape."""

    p10: Matrix
    p50: Matrix
    p90: Matrix
    mean: Matrix
    methods: Words


class LocalForecaster(ForecasterResource):
    """Weighted empirical quantiles, with a (seasonal) naive baseline in backtests."""

    def models(self) -> tuple[str, ...]:
        """See `ForecasterResource.models`."""
        return tuple(_models())

    def forecast(self, history: pa.Table, plan: ForecastPlan, *, model: str) -> pa.Table:
        """See `ForecasterResource.forecast`."""
        if model not in _models():
            raise ContractInvalid(
                "The forecasting model",
                found=repr(model),
                expected=f"one of {', '.join(_models())}",
                next_move="Run the backtest again: it names the models of this engine.",
            )
        panel = _panel(history).until(plan.last_closed_week)
        if not len(panel.items):
            raise _invalid(f"no week up to {plan.last_closed_week}")
        return _rows(panel, model, _models()[model](panel, plan.horizon_weeks), plan)

    def backtest(self, history: pa.Table, plan: ForecastPlan) -> pa.Table:
        """See `ForecasterResource.backtest`."""
        import pyarrow as pa

        whole = _panel(history).until(plan.last_closed_week)
        tables = []
        for window in range(plan.windows):
            last = plan.last_closed_week - timedelta(weeks=window * plan.horizon_weeks)
            cutoff = last - timedelta(weeks=plan.horizon_weeks)
            hidden = ForecastPlan(cutoff + timedelta(days=6), plan.horizon_weeks)
            known = whole.until(cutoff)
            if not len(known.items):
                break
            for model, predict in _models().items():
                rows = _rows(known, model, predict(known, plan.horizon_weeks), hidden)
                tables.append(_with_targets(rows, whole, known, hidden))
        if not tables:
            raise _invalid(f"fewer than {plan.horizon_weeks + 1} weeks up to {plan.as_of}")
        return pa.concat_tables(tables)

    def code_version(self) -> str:
        """The method's own version; raise it when a number can change."""
        return _CODE_VERSION


def _models() -> dict[str, Callable[[_Panel, int], _Prediction]]:
    return {"empirical_quantiles": _empirical, "seasonal_naive": _naive}


def _panel(history: pa.Table) -> _Panel:
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
    return _Panel(items, first_week, demand)


def _invalid(found: str) -> ContractInvalid:
    return ContractInvalid(
        "The demand history",
        found=found,
        expected="one row per item and week (item_id, week_start on a Monday, demand in units)",
        next_move="Look at the training set that was handed to the forecaster.",
    )


def _empirical(panel: _Panel, horizon: int) -> _Prediction:
    """Quantile q is the smallest week's demand below which a share q of the weight lies."""
    import numpy as np

    weeks = panel.demand.shape[1]
    age = np.arange(weeks - 1, -1, -1.0)
    weights = np.where(np.isnan(panel.demand), 0.0, np.exp(-DECAY_PER_WEEK * age))
    weights /= weights.sum(axis=1, keepdims=True)
    order = np.argsort(panel.demand, axis=1, kind="stable")  # NaN sorts last, and weighs nothing.
    ordered = np.take_along_axis(panel.demand, order, axis=1)
    cumulative = np.take_along_axis(weights, order, axis=1).cumsum(axis=1)
    quantiles = {}
    for name, share in QUANTILES.items():
        # Sums of floats: a share reached but for the last bits is reached.
        position = (cumulative < share - 1e-9).sum(axis=1, keepdims=True)
        quantiles[name] = np.take_along_axis(ordered, position, axis=1)
    mean = np.nansum(panel.demand * weights, axis=1, keepdims=True)
    methods = np.full(len(panel.items), f"weighted by exp(-{DECAY_PER_WEEK} * weeks ago)")
    return _over_weeks(quantiles, mean, methods, horizon)


def _over_weeks(
    quantiles: dict[str, Matrix], mean: Matrix, methods: Words, horizon: int
) -> _Prediction:
    """The same prediction for every week of the horizon."""
    import numpy as np

    wide = {name: np.repeat(values, horizon, axis=1) for name, values in quantiles.items()}
    return _Prediction(**wide, mean=np.repeat(mean, horizon, axis=1), methods=methods)


def _naive(panel: _Panel, horizon: int) -> _Prediction:
    """Last year's same week where an item has one for the whole horizon, else its last week.

    Its interval is the textbook one: normal, from the in-sample errors of the same rule, widening
    with the square root of the weeks ahead where the last value is carried forward.
    """
    import numpy as np

    demand = panel.demand
    weeks = demand.shape[1]
    point = np.repeat(demand[:, -1:], horizon, axis=1)
    spread = _error_size(demand, lag=1) * np.sqrt(np.arange(1, horizon + 1))
    methods = np.full(len(panel.items), "last week carried forward")
    if weeks >= SEASON_WEEKS >= horizon:
        year_ago = demand[:, weeks - SEASON_WEEKS : weeks - SEASON_WEEKS + horizon]
        seasonal = ~np.isnan(year_ago).any(axis=1)
        point[seasonal] = year_ago[seasonal]
        yearly = _error_size(demand, lag=SEASON_WEEKS)
        has_yearly = seasonal & (yearly[:, 0] > 0)
        spread[has_yearly] = yearly[has_yearly]
        methods = np.where(seasonal, "same week a year ago", methods)
    reach = _EIGHTY_PERCENT * spread
    low = np.maximum(point - reach, 0.0)
    return _Prediction(p10=low, p50=point, p90=point + reach, mean=point, methods=methods)


def _error_size(demand: Matrix, *, lag: int) -> Matrix:
    """Root mean square of the in-sample errors of "the same as `lag` weeks ago", by item."""
    import numpy as np

    errors = demand[:, lag:] - demand[:, :-lag]
    count = np.maximum((~np.isnan(errors)).sum(axis=1, keepdims=True), 1)
    size: Matrix = np.sqrt(np.nansum(errors**2, axis=1, keepdims=True) / count)
    return size


def _rows(panel: _Panel, model: str, prediction: _Prediction, plan: ForecastPlan) -> pa.Table:
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


def _with_targets(rows: pa.Table, whole: _Panel, known: _Panel, hidden: ForecastPlan) -> pa.Table:
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
