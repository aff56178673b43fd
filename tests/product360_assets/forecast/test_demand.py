"""The forecast assets on a real catalog: made once, in order, by the model that did best."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from product360_assets.curated.commits import AS_OF_DATE
from product360_assets.curated.derive import replace_rows
from product360_assets.forecast import backtest, charts, demand
from product360_assets.forecast.steps import Inputs
from resources.catalog import LocalCatalogResource
from resources.forecasting import ForecastPlan
from resources.local.forecaster import LocalForecaster
from resources.local.ledger import SqliteLedgerResource
from resources.local.warehouse import LocalWarehouse
from resources.objects import LakeResource
from spark.tables.curated import PRODUCT
from spark.tables.forecast import FORECAST_ACCURACY, WEEKLY_DEMAND

TABLES = ("demand_backtest", "forecast_accuracy", "item_accuracy", "demand_forecast")
MODELS = ("empirical_quantiles", "seasonal_naive", "smoothed_quantiles")
MONDAY = date(2017, 1, 2)
WEEKS = 30
LAST_DAY = MONDAY + timedelta(weeks=WEEKS, days=-1)


class Planning:
    """A home that holds a training set, and runs of the forecast assets in it."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.warehouse = LocalWarehouse(catalog=self.catalog)
        self.ledger = SqliteLedgerResource(path=str(home / "ledger.db"))
        self.lake = LakeResource(uri=f"file://{home}/lake")

    def learn(self, sales: Mapping[str, list[float]]) -> None:
        self.catalog.ensure_table(WEEKLY_DEMAND)
        self.catalog.ensure_table(PRODUCT)
        rows = [
            {"item_id": item, "week_start": MONDAY + timedelta(weeks=week), "demand": units}
            for item, weeks in sales.items()
            for week, units in enumerate(weeks, start=WEEKS - len(weeks))
        ]
        properties = {AS_OF_DATE: LAST_DAY.isoformat()}
        replace_rows(self.catalog, WEEKLY_DEMAND, pa.Table.from_pylist(rows), properties)

    def run(self) -> dg.ExecuteInProcessResult:
        resources: dict[str, Any] = {
            "catalog": self.catalog,
            "warehouse": self.warehouse,
            "forecaster": LocalForecaster(),
            "ledger": self.ledger,
            "lake": self.lake,
        }
        return dg.materialize(
            [
                backtest.demand_backtest,
                backtest.forecast_accuracy,
                backtest.item_accuracy,
                demand.demand_forecast,
                backtest.demand_backtest_checks,
                backtest.forecast_accuracy_checks,
                backtest.item_accuracy_checks,
                demand.demand_forecast_checks,
            ],
            resources=resources,
            raise_on_error=False,
        )

    def snapshots(self) -> list[int]:
        return [len(self.catalog.snapshot_summaries(f"forecast.{name}")) for name in TABLES]

    def recheck(self, checks: dg.AssetChecksDefinition) -> set[str]:
        """The names of the checks that fail on the tables as they are now."""
        result = dg.materialize(
            [checks],
            resources={
                "catalog": self.catalog,
                "warehouse": self.warehouse,
                "ledger": self.ledger,
                "lake": self.lake,
            },
            selection=dg.AssetSelection.checks(checks),
            raise_on_error=False,
        )
        return {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}


def one_product(number: int, kind: str) -> pa.Table:
    known = {"product_id": number, "product_type": kind}
    row = dict.fromkeys(PRODUCT.column_names) | known
    return pa.Table.from_pylist([row | {"is_fuel": False, "is_unknown_member": False}])


def sporadic(items: int) -> dict[str, list[float]]:
    draw = np.random.default_rng(3)
    return {str(item): draw.poisson(0.7, WEEKS).astype(float).tolist() for item in range(items)}


@pytest.fixture
def planning(tmp_path: Path) -> Planning:
    return Planning(tmp_path)


def test_every_table_is_made_and_every_claim_about_it_holds(planning: Planning) -> None:
    planning.learn(sporadic(50))
    result = planning.run()
    assert result.success
    failed = [e.check_name for e in result.get_asset_check_evaluations() if not e.passed]
    assert failed == []
    assert planning.catalog.row_count("forecast.demand_backtest") == 50 * 12 * len(MODELS)
    assert planning.catalog.row_count("forecast.forecast_accuracy") == 4 * 10 * len(MODELS)
    assert planning.catalog.row_count("forecast.item_accuracy") == 50 * len(MODELS)
    assert planning.catalog.row_count("forecast.demand_forecast") == 50 * 4


def test_a_second_run_with_the_same_training_set_writes_nothing(planning: Planning) -> None:
    planning.learn(sporadic(5))
    planning.run()
    before = planning.snapshots()
    result = planning.run()
    assert planning.snapshots() == before
    made = [
        event
        for key in TABLES
        for event in result.asset_materializations_for_node(f"forecast_{key}")
    ]
    outcomes = {event.metadata["outcome"].value for event in made}
    assert outcomes == {"unchanged"}


def test_the_model_that_did_best_makes_the_forecast(planning: Planning) -> None:
    planning.learn(sporadic(50))
    planning.run()
    best = planning.warehouse.query(
        """SELECT model FROM forecast_accuracy
           WHERE metric = 'wQL' AND forecast_type = 'average' AND windows = 3 ORDER BY value"""
    )
    served = planning.warehouse.query("SELECT DISTINCT model, as_of_date FROM demand_forecast")
    assert served.rows == ((best.rows[0][0], LAST_DAY),)
    assert best.rows[-1] == ("seasonal_naive",)


def test_the_pooled_loss_decides_and_not_the_mean_of_windows(planning: Planning) -> None:
    # Two of three windows, and their mean, speak for "often"; most of the demand for "rightly".
    spans = [(MONDAY, MONDAY + timedelta(weeks=n), 1) for n in range(3)]
    whole = (MONDAY - timedelta(weeks=1), MONDAY + timedelta(weeks=9), 3)
    losses = {"often": (0.1, 0.1, 0.5, 0.45), "rightly": (0.2, 0.3, 0.4, 0.38)}
    rows = [
        {
            "model": model,
            "backtestwindow_start_time": start,
            "backtestwindow_end_time": end,
            "metric": "wQL",
            "forecast_type": judging,
            "value": value if judging == "average" else 1 - value,
            "items": 3,
            "windows": windows,
        }
        for model, values in losses.items()
        for judging in ("average", "p50")
        for (start, end, windows), value in zip([*spans, whole], values, strict=True)
    ]
    planning.catalog.ensure_table(FORECAST_ACCURACY)
    replace_rows(planning.catalog, FORECAST_ACCURACY, pa.Table.from_pylist(rows), {})
    inputs = Inputs(
        planning.catalog, planning.warehouse, LocalForecaster(), ForecastPlan(LAST_DAY, windows=3)
    )
    assert demand.best_model(inputs) == "rightly"


def test_the_accuracy_of_an_item_joins_its_forecast(planning: Planning) -> None:
    planning.learn({**sporadic(20), "new": [1.0, 2.0]})
    planning.run()
    rows = planning.warehouse.query(
        """SELECT item_id, any_value(f.model) AS model, count(*) AS weeks,
                  any_value(a.weeks) AS judged, any_value(a.coverage) AS coverage
           FROM demand_forecast f LEFT JOIN item_accuracy a USING (item_id, model)
           GROUP BY item_id"""
    ).records()
    known = [row for row in rows if row["item_id"] != "new"]
    assert len(known) == 20
    assert {(row["weeks"], row["judged"]) for row in known} == {(4, 12)}
    assert all(0 <= row["coverage"] <= 1 for row in known)
    # An item that is younger than every origin was never judged.
    (new,) = [row for row in rows if row["item_id"] == "new"]
    assert (new["weeks"], new["judged"]) == (4, None)


def test_each_table_shows_a_chart(planning: Planning) -> None:
    planning.learn(sporadic(9))
    replace_rows(planning.catalog, PRODUCT, one_product(3, "APPLES"), {})
    result = planning.run()
    names = {
        "demand_backtest": "hidden weeks",
        "forecast_accuracy": "loss",
        "item_accuracy": "loss by volume",
        "demand_forecast": "expected demand",
    }
    for table, name in names.items():
        (made,) = result.asset_materializations_for_node(f"forecast_{table}")
        shown = str(made.metadata[name].value)
        assert shown.startswith("![")
        assert "](data:image/png;base64," in shown
        assert len(shown) < 60_000


def test_the_best_sellers_are_drawn_with_what_was_sold_and_what_is_expected(
    planning: Planning,
) -> None:
    # Ten items; the higher the number, the more it sells.
    planning.learn({str(n): [float(n)] * WEEKS for n in range(10)})
    replace_rows(planning.catalog, PRODUCT, one_product(7, "APPLES"), {})
    planning.run()
    fans = charts.best_seller_fans(planning.warehouse, "SELECT * FROM demand_forecast")
    assert [fan.title for fan in fans] == [
        "item (9)",
        "item (8)",
        "APPLES (7)",
        "item (6)",
        "item (5)",
        "item (4)",
    ]
    last = MONDAY + timedelta(weeks=WEEKS - 1)
    assert fans[0].past == [(last - timedelta(weeks=n), 9.0) for n in reversed(range(26))]
    assert fans[0].expected == [(last + timedelta(weeks=n), 9.0, 9.0, 9.0) for n in range(1, 5)]


def test_the_baseline_is_served_where_it_wins_and_that_is_said(planning: Planning) -> None:
    # A step in demand: the last week says more than all weeks together.
    planning.learn({str(item): [1.0] * 20 + [9.0] * 10 for item in range(5)})
    result = planning.run()
    served = planning.warehouse.query("SELECT DISTINCT model FROM demand_forecast")
    assert served.rows == (("seasonal_naive",),)
    warned = [e.check_name for e in result.get_asset_check_evaluations() if not e.passed]
    assert "the_forecast_beats_its_baseline" in warned
    assert result.success


def test_without_a_training_set_the_run_says_what_to_do(planning: Planning) -> None:
    planning.catalog.ensure_table(WEEKLY_DEMAND)
    result = planning.run()
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "materialize the asset forecast/weekly_demand first" in str(failure.event_specific_data)


def test_a_forecast_that_lost_a_week_fails_its_claim(planning: Planning) -> None:
    planning.learn(sporadic(50))
    planning.run()
    planning.catalog.table("forecast.demand_forecast").delete("item_id = '3'")
    assert planning.recheck(demand.demand_forecast_checks) == {"every_item_has_its_whole_horizon"}


@pytest.mark.parametrize(
    ("table", "checks", "lost", "failing"),
    [
        (
            "item_accuracy",
            backtest.item_accuracy_checks,
            "item_id = '3' and model = 'seasonal_naive'",
            {"items_add_up_to_the_backtest", "every_item_has_all_models"},
        ),
        (
            "forecast_accuracy",
            backtest.forecast_accuracy_checks,
            "windows = 1 and metric = 'RMSE' and forecast_type = 'mean'",
            {"every_model_is_judged_alike"},
        ),
        (
            "forecast_accuracy",
            backtest.forecast_accuracy_checks,
            "windows = 3 and model = 'seasonal_naive'",
            {"every_model_is_judged_alike"},
        ),
    ],
)
def test_rows_that_went_missing_fail_a_claim(
    planning: Planning, table: str, checks: dg.AssetChecksDefinition, lost: str, failing: set[str]
) -> None:
    planning.learn(sporadic(30))
    planning.run()
    assert planning.recheck(checks) == set()
    planning.catalog.table(f"forecast.{table}").delete(lost)
    assert planning.recheck(checks) == failing


def test_a_whole_that_is_better_than_its_best_window_fails_its_claim(planning: Planning) -> None:
    planning.learn(sporadic(30))
    planning.run()
    rows = planning.catalog.table("forecast.forecast_accuracy").scan().to_arrow().to_pylist()
    for row in rows:
        if (row["metric"], row["windows"]) == ("WAPE", 3):
            row["value"] /= 2
    replace_rows(planning.catalog, FORECAST_ACCURACY, pa.Table.from_pylist(rows), {})
    failed = planning.recheck(backtest.forecast_accuracy_checks)
    assert failed == {"the_whole_lies_among_its_windows"}


def test_a_backtest_that_saw_a_hidden_week_or_judged_one_twice_fails_its_claims(
    planning: Planning,
) -> None:
    planning.learn(sporadic(5))
    planning.run()
    assert planning.recheck(backtest.demand_backtest_checks) == set()
    table = planning.catalog.table("forecast.demand_backtest")
    rows = table.scan().to_arrow()
    late = rows.to_pylist()[0]
    # The same week again, in a window that begins a week later and saw the week before.
    late["backtestwindow_start_time"] += timedelta(weeks=1)
    late["as_of_date"] += timedelta(weeks=2)
    table.append(pa.Table.from_pylist([late], schema=rows.schema))
    assert planning.recheck(backtest.demand_backtest_checks) == {
        "no_model_saw_the_hidden_weeks",
        "no_week_is_judged_twice",
    }
