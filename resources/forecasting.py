"""What a forecasting engine is to the asset graph: weekly demand in, quantiles by week out.

One schema serves every engine, the embedded one and managed services alike. An engine must never
see a week after the cutoff it is asked about; `backtest` hides weeks itself so that the caller
cannot hand it the answer by accident.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pyarrow as pa

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}


@dataclass(frozen=True)
class ForecastPlan:
    """What to forecast.

    Attributes:
        as_of: last business day that the data covers; weeks that end later are not closed.
        horizon_weeks: how many weeks ahead.
        windows: backtest windows, the newest ending with the last closed week, each one horizon
            long and right after the one before, so that no week is judged twice.
    """

    as_of: date
    horizon_weeks: int = 4
    windows: int = 1

    @property
    def last_closed_week(self) -> date:
        """Monday of the last week whose Sunday is not after `as_of`."""
        monday = self.as_of - timedelta(days=self.as_of.weekday())
        return monday if self.as_of.weekday() == 6 else monday - timedelta(weeks=1)

    @property
    def origins(self) -> tuple[date, ...]:
        """Monday of the last week that a model may know in each backtest window, newest first."""
        steps = range(1, self.windows + 1)
        return tuple(
            self.last_closed_week - timedelta(weeks=step * self.horizon_weeks) for step in steps
        )


class ForecasterResource(dg.ConfigurableResource[Any], ABC):
    """Forecasts weekly demand.

    `history` always has the columns item_id (string), week_start (date32, a Monday) and demand
    (double, units); weeks that it lacks after an item's first one count as zero.
    """

    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """Names of the models that `backtest` compares, the preferred one first."""

    @abstractmethod
    def forecast(self, history: pa.Table, plan: ForecastPlan, *, model: str) -> pa.Table:
        """Forecast the weeks after the last closed one with one of `models`.

        Returns:
            item_id, date (Monday), p10, p50, p90, mean (units), model, method, as_of_date: one row
            per item and week, ordered by them.

        Raises:
            ContractInvalid: `history` lacks a column, repeats a week, holds a day that is no
                Monday or nothing up to the plan's last week; or there is no such model.
        """

    @abstractmethod
    def backtest(self, history: pa.Table, plan: ForecastPlan) -> pa.Table:
        """Forecast closed weeks as if they had not happened, with every one of `models`.

        Each model is fitted anew at each of the plan's origins, from what was known then.

        Returns:
            The columns of `forecast` and target_value (units really sold),
            backtestwindow_start_time, backtestwindow_end_time (Mondays of the first and last
            hidden week); `as_of_date` is the last day before the window. Items that have no
            history before a window are not in it.
        """

    @abstractmethod
    def code_version(self) -> str:
        """Changes whenever the same history could give other numbers."""
