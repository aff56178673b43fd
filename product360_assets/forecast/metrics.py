"""How far a backtest was from what was sold: one function per metric, all over arrays.

The definitions are those that demand planners know from managed forecasting services, so numbers
compare: quantile losses are weighted by the sum of demand, and every metric stands beside the name
of the quantile or mean that it judges. The hazard is a division by no demand at all: then a metric
has no value (None), and never a zero that would read as perfect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
WQL = "wQL"
AVERAGE = "average"
# Rises when a definition changes, so that stored accuracies are computed again.
VERSION = "1"


@dataclass(frozen=True)
class Measured:
    """One number of one model in one window; `items` is how many items it is computed over."""

    metric: str
    forecast_type: str
    value: float | None
    items: int


def weighted_quantile_loss(sold: Values, quantile: Values, *, share: float) -> float | None:
    """Twice the pinball loss of one quantile, per unit sold."""
    import numpy as np

    error = sold - quantile
    loss = np.maximum(share * error, (share - 1) * error).sum()
    return _per(2 * loss, np.abs(sold).sum())


def weighted_absolute_error(sold: Values, point: Values) -> float | None:
    """WAPE: the absolute error, per unit sold."""
    import numpy as np

    return _per(np.abs(sold - point).sum(), np.abs(sold).sum())


def root_mean_square_error(sold: Values, point: Values) -> float:
    """RMSE, in units a week."""
    import numpy as np

    return float(np.sqrt(np.mean((sold - point) ** 2)))


def coverage(sold: Values, low: Values, high: Values) -> float:
    """Share of weeks that were inside the interval, its ends included."""
    import numpy as np

    return float(np.mean((low <= sold) & (sold <= high)))


def scaled_error(sold: Values, point: Values, scale: Values) -> float | None:
    """MASE: the absolute error in units of each item's own week-to-week change.

    `scale` is that change, by row; rows whose item never changed (0) or is too young to tell (NaN)
    are left out.
    """
    import numpy as np

    known = scale > 0
    return float(np.mean(np.abs(sold - point)[known] / scale[known])) if known.any() else None


def accuracy(backtest: pa.Table, history: pa.Table) -> pa.Table:
    """Every metric for every model and window of a backtest.

    Args:
        backtest: as forecasters give it.
        history: item_id, week_start, demand; only weeks before a window scale its errors.

    Returns:
        model, backtestwindow_start_time, backtestwindow_end_time, metric, forecast_type, value,
        items.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    group = ["model", "backtestwindow_start_time", "backtestwindow_end_time"]
    rows = []
    for key in backtest.group_by(group, use_threads=False).aggregate([]).to_pylist():
        of_model = pc.equal(backtest["model"], key["model"])
        of_window = pc.equal(backtest[group[1]], pa.scalar(key[group[1]], pa.date32()))
        part = backtest.filter(pc.and_(of_model, of_window))
        scales = weekly_changes(history, before=key[group[1]])
        rows += [{**key, **vars(measured)} for measured in _measure(part, scales)]
    return pa.Table.from_pylist(rows)


def weekly_changes(history: pa.Table, *, before: date) -> dict[str, float]:
    """Each item's mean absolute change from week to week, in units; items of two weeks or more."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    past = history.filter(pc.less(history["week_start"], pa.scalar(before, pa.date32())))
    ordered = past.sort_by([("item_id", "ascending"), ("week_start", "ascending")])
    codes = ordered["item_id"].combine_chunks().dictionary_encode()
    item = codes.indices.to_numpy()
    same = item[1:] == item[:-1]
    change = np.abs(np.diff(ordered["demand"].to_numpy()))[same]
    total = np.bincount(item[1:][same], weights=change, minlength=len(codes.dictionary))
    count = np.bincount(item[1:][same], minlength=len(codes.dictionary))
    names = codes.dictionary.to_pylist()
    return {names[i]: float(total[i] / count[i]) for i in np.flatnonzero(count)}


def _measure(part: pa.Table, scales: dict[str, float]) -> Iterator[Measured]:
    """All metrics of one model in one window."""
    import numpy as np

    item = part["item_id"].to_pylist()
    items = len(set(item))
    sold = part["target_value"].to_numpy()
    of = {name: part[name].to_numpy() for name in (*QUANTILES, "mean")}
    losses = {
        name: weighted_quantile_loss(sold, of[name], share=share)
        for name, share in QUANTILES.items()
    }
    for name, loss in losses.items():
        yield Measured(WQL, name, loss, items)
    known = [loss for loss in losses.values() if loss is not None]
    yield Measured(WQL, AVERAGE, sum(known) / len(known) if known else None, items)
    for name in ("p50", "mean"):
        yield Measured("WAPE", name, weighted_absolute_error(sold, of[name]), items)
        yield Measured("RMSE", name, root_mean_square_error(sold, of[name]), items)
    scale = np.array([scales.get(each, np.nan) for each in item])
    scaled = len({each for each in item if scales.get(each, 0.0) > 0})
    yield Measured("MASE", "p50", scaled_error(sold, of["p50"], scale), scaled)
    yield Measured("coverage", "p10 to p90", coverage(sold, of["p10"], of["p90"]), items)


def _per(amount: float, total: float) -> float | None:
    return float(amount / total) if total else None
