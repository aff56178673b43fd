"""The two tables of accuracy: by model and backtest window, and by item.

Beside each window stands the whole backtest: a window from the first hidden week to the last, over
the pooled rows of all windows. The hazard is an item's change from week to week that has seen the
window: what scales a window's errors is taken from the weeks before that window only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from product360_assets.forecast.metrics import (
    AVERAGE,
    COVERAGE,
    INTERVAL,
    MASE,
    METRICS,
    RMSE,
    WAPE,
    WQL,
    Judged,
    measure,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from product360_assets.forecast.metrics import Groups, Values

    Flags = NDArray[np.bool_]
    Weeks = NDArray[np.datetime64]

START, END = "backtestwindow_start_time", "backtestwindow_end_time"
# The metrics that items have too, and their columns.
_OF_ITEMS = {
    (WQL, AVERAGE): "wql",
    (WAPE, "p50"): "wape",
    (RMSE, "p50"): "rmse",
    (MASE, "p50"): "mase",
    (COVERAGE, INTERVAL): "coverage",
}


def accuracy(backtest: pa.Table, history: pa.Table) -> pa.Table:
    """Every metric for every model, by window and over all windows.

    Args:
        backtest: as forecasters give it.
        history: item_id, week_start, demand, without gaps after an item's first week.

    Returns:
        model, backtestwindow_start_time, backtestwindow_end_time, metric, forecast_type, value,
        items (that the value is computed over), windows (that it pools).
    """
    import pyarrow as pa

    rows = judged(backtest, history)
    by_window = _measured(backtest, rows, windows=1)
    windows = len(backtest[START].unique())
    if windows == 1:
        return by_window
    return pa.concat_tables([by_window, _measured(_whole(backtest), rows, windows=windows)])


def accuracy_by_item(backtest: pa.Table, history: pa.Table) -> pa.Table:
    """How far each model was from what was sold of each item, over all windows.

    Args:
        backtest: as forecasters give it.
        history: as for `accuracy`.

    Returns:
        item_id, model, weeks (judged), units (sold in them), wql, wape, rmse, mase, coverage; null
        where a metric has no value.
    """
    import numpy as np
    import pyarrow as pa

    rows = judged(backtest, history)
    groups, group = _grouped(backtest, ["item_id", "model"])
    size = groups.num_rows
    columns: dict[str, Any] = {
        "weeks": np.bincount(group, minlength=size),
        "units": np.bincount(group, weights=rows.sold, minlength=size),
    }
    for metric in METRICS:
        if column := _OF_ITEMS.get((metric.name, metric.forecast_type)):
            columns[column] = measure(metric, rows, group, size)
    values = {name: pa.array(column, from_pandas=True) for name, column in columns.items()}
    return pa.table({**_columns(groups), **values})


def judged(backtest: pa.Table, history: pa.Table) -> Judged:
    """The rows of a backtest as metrics want them."""
    sold, p10, p50, p90, mean = (
        backtest[name].cast("double").to_numpy()
        for name in ("target_value", "p10", "p50", "p90", "mean")
    )
    return Judged(sold, p10, p50, p90, mean, scale=_scale(backtest, history))


def _scale(backtest: pa.Table, history: pa.Table) -> Values:
    """Each row's item's mean absolute change from week to week, in units, before the row's window.

    NaN for an item of less than two weeks.
    """
    import numpy as np
    import pyarrow.compute as pc

    names, item, week, change = _changes(history)
    row_item = pc.index_in(backtest["item_id"], names).to_numpy()
    row_start = backtest[START].to_numpy()
    scale = np.full(backtest.num_rows, np.nan)
    for start in np.unique(row_start):
        past, rows = week < start, row_start == start
        total = np.bincount(item[past], weights=change[past], minlength=len(names))
        count = np.bincount(item[past], minlength=len(names))
        mean = np.divide(total, count, np.full(len(names), np.nan), where=count > 0)
        scale[rows] = mean[row_item[rows]]
    return scale


def _changes(history: pa.Table) -> tuple[pa.Array, Groups, Weeks, Values]:
    """How demand changed to each week from the one before it.

    Returns:
        The items; and for each week after an item's first one the item's number among them, the
        week, and the absolute change in units.
    """
    import numpy as np

    names, item = _encoded(history["item_id"])
    week = history["week_start"].to_numpy()
    order = np.lexsort((week, item))
    item, week = item[order], week[order]
    demand = history["demand"].cast("double").to_numpy()[order]
    same = item[1:] == item[:-1]
    return names, item[1:][same], week[1:][same], np.abs(np.diff(demand))[same]


def _measured(backtest: pa.Table, rows: Judged, *, windows: int) -> pa.Table:
    """All metrics of each model in each window that the backtest names."""
    import numpy as np
    import pyarrow as pa

    groups, group = _grouped(backtest, ["model", START, END])
    size = groups.num_rows
    every = _items(backtest, group, np.full(len(group), True), size)
    # Only what is scaled by an item's own change leaves items out.
    scaled = _items(backtest, group, rows.scale > 0, size)
    tables = []
    for metric in METRICS:
        columns = {
            "metric": pa.repeat(metric.name, size),
            "forecast_type": pa.repeat(metric.forecast_type, size),
            "value": pa.array(measure(metric, rows, group, size), from_pandas=True),
            "items": pa.array(scaled if metric.name == MASE else every),
            "windows": pa.repeat(windows, size),
        }
        tables.append(pa.table({**_columns(groups), **columns}))
    return pa.concat_tables(tables)


def _whole(backtest: pa.Table) -> pa.Table:
    """The backtest as one window, from the first hidden week to the last."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, day in ((START, pc.min(backtest[START])), (END, pc.max(backtest[END]))):
        place = backtest.schema.get_field_index(name)
        backtest = backtest.set_column(place, name, pa.repeat(day, backtest.num_rows))
    return backtest


def _grouped(rows: pa.Table, keys: Sequence[str]) -> tuple[pa.Table, Groups]:
    """The distinct combinations of `keys`, and the number of each row's combination."""
    import numpy as np

    combined = np.zeros(rows.num_rows, np.int64)
    for key in keys:
        names, numbers = _encoded(rows[key])
        combined = combined * len(names) + numbers
    _, first, group = np.unique(combined, return_index=True, return_inverse=True)
    return rows.select(keys).take(first), group


def _items(backtest: pa.Table, group: Groups, counted: Flags, size: int) -> Groups:
    """How many items each group has among its counted rows."""
    import numpy as np

    names, item = _encoded(backtest["item_id"])
    pairs = np.unique(group[counted] * len(names) + item[counted])
    return np.bincount(pairs // len(names), minlength=size)


def _encoded(column: pa.ChunkedArray) -> tuple[pa.Array, Groups]:
    """The distinct values, and the number of each row's value among them."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy().astype("int64")


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))
