"""How far forecasts were from what was sold: each metric is a sum over rows, per another sum.

The definitions are those that demand planners know from managed forecasting services, so numbers
compare: a metric of many items and weeks pools their rows (errors add up, then are divided once)
and is never the mean of metrics, and each stands beside the name of the quantile or mean that it
judges. The hazard is a division by nothing, such as no demand at all: then a metric has no value
(NaN), and never a zero that would read as perfect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from resources.forecasting import QUANTILES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Groups = NDArray[np.intp]

WQL, AVERAGE = "wQL", "average"
WAPE, RMSE, MASE, COVERAGE = "WAPE", "RMSE", "MASE", "coverage"
INTERVAL = "p10 to p90"


@dataclass(frozen=True)
class Judged:
    """Forecasts beside what was sold, one value per row, in units a week.

    `scale` is how much the row's item changed from week to week before the forecast; 0 or NaN where
    that cannot scale anything.
    """

    sold: Values
    p10: Values
    p50: Values
    p90: Values
    mean: Values
    scale: Values


class Metric(NamedTuple):
    """`amount` of all rows per `per` of all rows, and the square root of it where it is squared."""

    name: str
    forecast_type: str
    amount: Callable[[Judged], Values]
    per: Callable[[Judged], Values]
    squared: bool = False


def _sold(rows: Judged) -> Values:
    return abs(rows.sold)


def _each(rows: Judged) -> Values:
    import numpy as np

    return np.ones_like(rows.sold)


def _quantile_loss(name: str) -> Callable[[Judged], Values]:
    """Twice the pinball loss of one quantile."""

    def twice_pinball(rows: Judged) -> Values:
        import numpy as np

        missed = rows.sold - getattr(rows, name)
        loss: Values = np.maximum(QUANTILES[name] * missed, (QUANTILES[name] - 1) * missed)
        return 2 * loss

    return twice_pinball


def _average_loss(rows: Judged) -> Values:
    """The mean of the quantiles' losses."""
    losses = [_quantile_loss(name)(rows) for name in QUANTILES]
    return sum(losses[1:], start=losses[0]) / len(losses)


def _error(name: str) -> Callable[[Judged], Values]:
    return lambda rows: abs(rows.sold - getattr(rows, name))


def _squared_error(name: str) -> Callable[[Judged], Values]:
    return lambda rows: (rows.sold - getattr(rows, name)) ** 2


def _scaled_error(rows: Judged) -> Values:
    """The error of p50 in units of the item's own change from week to week."""
    import numpy as np

    known = _scalable(rows) > 0
    return np.divide(abs(rows.sold - rows.p50), rows.scale, np.zeros_like(rows.sold), where=known)


def _scalable(rows: Judged) -> Values:
    return (rows.scale > 0).astype(float)


def _inside(rows: Judged) -> Values:
    return ((rows.p10 <= rows.sold) & (rows.sold <= rows.p90)).astype(float)


METRICS = (
    *(Metric(WQL, name, _quantile_loss(name), _sold) for name in QUANTILES),
    Metric(WQL, AVERAGE, _average_loss, _sold),
    *(Metric(WAPE, name, _error(name), _sold) for name in ("p50", "mean")),
    *(Metric(RMSE, name, _squared_error(name), _each, squared=True) for name in ("p50", "mean")),
    Metric(MASE, "p50", _scaled_error, _scalable),
    Metric(COVERAGE, INTERVAL, _inside, _each),
)


def measure(metric: Metric, rows: Judged, group: Groups, groups: int) -> Values:
    """The metric of each group of rows.

    Args:
        metric: one of `METRICS`.
        rows: n forecasts.
        group: number of each row's group, 0 to `groups` - 1; n of them.
        groups: how many there are.

    Returns:
        One value per group; NaN where there is nothing to divide by.
    """
    import numpy as np

    amount = np.bincount(group, weights=metric.amount(rows), minlength=groups)
    per = np.bincount(group, weights=metric.per(rows), minlength=groups)
    value = np.divide(amount, per, np.full(groups, np.nan), where=per > 0)
    root: Values = np.sqrt(value)
    return root if metric.squared else value
