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
from product360_assets.forecast import demand
from resources.catalog import LocalCatalogResource
from resources.local.forecaster import LocalForecaster
from resources.local.warehouse import LocalWarehouse
from spark.tables.forecast import WEEKLY_DEMAND

MONDAY = date(2017, 1, 2)
WEEKS = 30
LAST_DAY = MONDAY + timedelta(weeks=WEEKS, days=-1)


class Planning:
    """A home that holds a training set, and runs of the forecast assets in it."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.warehouse = LocalWarehouse(catalog=self.catalog)

    def learn(self, sales: Mapping[str, list[float]]) -> None:
        self.catalog.ensure_table(WEEKLY_DEMAND)
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
            "ledger": None,
            "lake": None,
        }
        return dg.materialize(
            [
                demand.demand_backtest,
                demand.forecast_accuracy,
                demand.demand_forecast,
                demand.demand_backtest_checks,
                demand.forecast_accuracy_checks,
                demand.demand_forecast_checks,
            ],
            resources=resources,
            raise_on_error=False,
        )

    def snapshots(self) -> list[int]:
        names = ("demand_backtest", "forecast_accuracy", "demand_forecast")
        return [len(self.catalog.snapshot_summaries(f"forecast.{name}")) for name in names]


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
    assert planning.catalog.row_count("forecast.demand_backtest") == 50 * 4 * 2
    assert planning.catalog.row_count("forecast.demand_forecast") == 50 * 4


def test_a_second_run_with_the_same_training_set_writes_nothing(planning: Planning) -> None:
    planning.learn(sporadic(5))
    planning.run()
    before = planning.snapshots()
    result = planning.run()
    assert planning.snapshots() == before
    made = [
        event
        for key in ("demand_backtest", "forecast_accuracy", "demand_forecast")
        for event in result.asset_materializations_for_node(f"forecast_{key}")
    ]
    outcomes = {event.metadata["outcome"].value for event in made}
    assert outcomes == {"unchanged"}


def test_the_model_that_did_best_makes_the_forecast(planning: Planning) -> None:
    planning.learn(sporadic(50))
    planning.run()
    served = planning.warehouse.query("SELECT DISTINCT model, as_of_date FROM demand_forecast")
    assert served.rows == (("empirical_quantiles", LAST_DAY),)


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
    result = dg.materialize(
        [demand.demand_forecast_checks],
        resources={"catalog": None, "warehouse": planning.warehouse, "ledger": None, "lake": None},
        selection=dg.AssetSelection.checks(demand.demand_forecast_checks),
        raise_on_error=False,
    )
    failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert failed == {"every_item_has_its_whole_horizon"}
