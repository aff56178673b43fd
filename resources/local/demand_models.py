"""The models of the embedded forecaster: rules that turn a panel of demand into quantiles.

An item's own past weeks are its distribution; newer weeks weigh more. All items are one matrix
(items by weeks, NaN before an item's first week), so there is no loop over items. The hazard is an
item's first week: it is known only because something was sold in it, so it says nothing about how
often the item sells, and for a young item it would be most of what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from resources.forecasting import QUANTILES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Words = NDArray[np.str_]

# Measured on a year of grocery sales over three windows of four weeks; slower and faster are worse.
DECAY_PER_WEEK = 0.06
# What smoothing adds to an item's own weeks; measured in the same way, at two sizes of the panel:
# half as many and twice as many are within one percent of it.
WEEKS_WITHOUT_SALE = 1.0
SEASON_WEEKS = 52
# A normal distribution has 80 % of its mass within so many standard deviations.
_EIGHTY_PERCENT = 1.2815515655446004


@dataclass(frozen=True)
class Panel:
    """Demand as a matrix: one row per item, one column per week, oldest first."""

    items: pa.Array
    first_week: date
    demand: Matrix

    def until(self, week: date) -> Panel:
        """The panel with `week` as its last column, without items that start later."""
        import numpy as np
        import pyarrow as pa

        columns = max((week - self.first_week).days // 7 + 1, 0)
        visible = self.demand[:, :columns]
        known = ~np.isnan(visible).all(axis=1)
        silent = np.zeros((int(known.sum()), columns - visible.shape[1]))
        demand = np.hstack([visible[known], silent])
        return Panel(self.items.filter(pa.array(known)), self.first_week, demand)


@dataclass(frozen=True)
class Prediction:
    """Quantiles and mean by item, or by item and week; all matrices are of one shape."""

    p10: Matrix
    p50: Matrix
    p90: Matrix
    mean: Matrix
    methods: Words


def _smoothed(panel: Panel, horizon: int) -> Prediction:
    """Empirical quantiles without the item's first week, and with one more week without a sale."""
    import numpy as np

    demand = panel.demand.copy()
    items = np.arange(len(demand))
    demand[items, (~np.isnan(demand)).argmax(axis=1)] = np.nan
    unsold = np.zeros((len(demand), 1))
    return _weighted(
        np.hstack([demand, unsold]),
        np.hstack([_recency(demand), unsold + WEEKS_WITHOUT_SALE]),
        f"weighted by exp(-{DECAY_PER_WEEK} * weeks ago), first week left out, one without sale",
        horizon,
    )


def _empirical(panel: Panel, horizon: int) -> Prediction:
    """The item's own weeks as its distribution."""
    demand, method = panel.demand, f"weighted by exp(-{DECAY_PER_WEEK} * weeks ago)"
    return _weighted(demand, _recency(demand), method, horizon)


def _recency(demand: Matrix) -> Matrix:
    """The weight of each week: 1 for the newest, less with age, 0 where there is none."""
    import numpy as np

    age = np.arange(demand.shape[1] - 1, -1, -1.0)
    return np.where(np.isnan(demand), 0.0, np.exp(-DECAY_PER_WEEK * age))


def _weighted(demand: Matrix, weights: Matrix, method: str, horizon: int) -> Prediction:
    """Quantile q is the smallest demand up to which a share q of the item's weight lies.

    Args:
        demand: units, items by observations; NaN where there is none.
        weights: of the same shape, 0 where there is no observation; any positive sum.
        method: said of every item.
        horizon: weeks ahead, which are all alike.
    """
    import numpy as np

    shares = weights / weights.sum(axis=1, keepdims=True)
    order = np.argsort(demand, axis=1, kind="stable")  # NaN sorts last, and weighs nothing.
    ordered = np.take_along_axis(demand, order, axis=1)
    cumulative = np.take_along_axis(shares, order, axis=1).cumsum(axis=1)
    values = {"mean": np.nansum(demand * shares, axis=1, keepdims=True)}
    for name, share in QUANTILES.items():
        # Sums of floats: a share reached but for the last bits is reached.
        position = (cumulative < share - 1e-9).sum(axis=1, keepdims=True)
        values[name] = np.take_along_axis(ordered, position, axis=1)
    wide = {name: np.repeat(value, horizon, axis=1) for name, value in values.items()}
    return Prediction(**wide, methods=np.full(len(demand), method))


def _naive(panel: Panel, horizon: int) -> Prediction:
    """Last year's same week where an item has one for the whole horizon, else its last week.

    Its interval is the textbook one: normal, from the in-sample errors of the same rule, widening
    with the square root of the weeks ahead where the last value is carried forward. Until an item
    has yearly errors, the weekly ones stand in for them.
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
    return Prediction(p10=low, p50=point, p90=point + reach, mean=point, methods=methods)


def _error_size(demand: Matrix, *, lag: int) -> Matrix:
    """Root mean square of the in-sample errors of "the same as `lag` weeks ago", by item."""
    import numpy as np

    errors = demand[:, lag:] - demand[:, :-lag]
    count = np.maximum((~np.isnan(errors)).sum(axis=1, keepdims=True), 1)
    size: Matrix = np.sqrt(np.nansum(errors**2, axis=1, keepdims=True) / count)
    return size


MODELS: Mapping[str, Callable[[Panel, int], Prediction]] = MappingProxyType(
    {"smoothed_quantiles": _smoothed, "empirical_quantiles": _empirical, "seasonal_naive": _naive}
)
