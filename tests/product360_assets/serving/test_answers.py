"""Questions are answered from published tables, kept once, and shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from product360_assets.serving.answers import answer_asset, answers
from product360_assets.serving.questions import (
    BEST_SELLERS,
    DEPARTMENT_TREND,
    EXPECTED_DEMAND,
    FORECAST_QUALITY,
    LOOKED_AT_AND_LEFT,
    PRICE_CHANGES,
    PROMOTION_RESPONSE,
    QUESTIONS,
    Question,
)
from resources.catalog import LocalCatalogResource
from resources.local.warehouse import LocalWarehouse
from resources.objects import LakeResource
from spark.tables import Table
from spark.tables.curated import PRODUCT_360
from spark.tables.forecast import DEMAND_FORECAST, FORECAST_ACCURACY

MONDAY = date(2018, 1, 1)


class Shelf:
    """Three products, what is expected of them, and how good such expectations were."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.warehouse = LocalWarehouse(catalog=self.catalog)
        self.lake = LakeResource(uri=f"file://{home}/lake")

    def fill(self, table: Table, rows: list[dict[str, Any]]) -> None:
        self.catalog.ensure_table(table)
        schema = self.catalog.table(table.identifier).schema().as_arrow()
        empty = dict.fromkeys(table.column_names)
        content = pa.Table.from_pylist([{**empty, **row} for row in rows], schema=schema)
        self.catalog.table(table.identifier).overwrite(content)

    def ask(self, question: Question) -> list[dict[str, Any]]:
        return self.warehouse.query(question.sql).records()

    def materialize(self, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
        resources = {"warehouse": self.warehouse, "lake": self.lake}
        return dg.materialize(list(assets), resources=resources, raise_on_error=False)

    def kept(self) -> list[str]:
        return [found.key for found in self.lake.zone("results").list("answers")]


def product(number: int, department: str, revenue: str, quarter: str) -> dict[str, Any]:
    return {
        "product_id": number,
        "department": department,
        "is_fuel": False,
        "is_unknown_member": False,
        "lifecycle_stage": "stable",
        "quality_flag_count": 0,
        "units_28d": number,
        "revenue_28d": Decimal(revenue),
        "revenue_91d": Decimal(quarter),
    }


def expected(item: str, week: int, units: float) -> dict[str, Any]:
    day = date.fromordinal(MONDAY.toordinal() + 7 * week)
    forecast = {"p10": 0.0, "p50": units, "p90": 2 * units, "mean": units}
    return {"item_id": item, "date": day, **forecast, "model": "m", "method": "x"}


def judged(model: str, metric: str, judging: str, value: float) -> dict[str, Any]:
    window = {"backtestwindow_start_time": MONDAY, "backtestwindow_end_time": MONDAY}
    verdict = {"metric": metric, "forecast_type": judging, "value": value, "items": 3}
    return {"model": model, **window, **verdict}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    products = [
        product(1, "DAIRY", "10.00", "65.00"),
        product(2, "DAIRY", "30.00", "65.00"),
        product(3, "BAKERY", "20.00", "26.00"),
    ]
    shelf.fill(PRODUCT_360, products)
    weeks = [expected(item, week, float(item)) for item in ("1", "2", "3") for week in range(4)]
    shelf.fill(DEMAND_FORECAST, weeks)
    verdicts = [
        judged(model, metric, judging, value)
        for model, loss in (("good", 0.4), ("naive", 0.6))
        for metric, judging, value in (
            ("wQL", "average", loss),
            ("wQL", "p50", 9.0),
            ("WAPE", "p50", 0.7),
            ("coverage", "p10 to p90", 0.9),
        )
    ]
    shelf.fill(FORECAST_ACCURACY, verdicts)
    return shelf


def test_best_sellers_are_ordered_by_revenue(shelf: Shelf) -> None:
    assert [row["product_id"] for row in shelf.ask(BEST_SELLERS)] == [2, 3, 1]


def test_a_departments_month_is_compared_with_its_quarter(shelf: Shelf) -> None:
    trend = {row["department"]: row["change"] for row in shelf.ask(DEPARTMENT_TREND)}
    # 40 in four weeks against 130 in thirteen is as always; 20 against 26 is 2.5 times.
    assert trend == {"DAIRY": 0.0, "BAKERY": 1.5}


def told(number: int, **more: Any) -> dict[str, Any]:
    return {**product(number, "DAIRY", "1.00", "1.00"), "weeks_sold_364d": 13, **more}


def test_promoted_products_are_ordered_by_uplift_and_rare_ones_left_out(shelf: Shelf) -> None:
    products = [
        told(1, promotion_uplift=0.5),
        told(2, promotion_uplift=1.5),
        told(3, promotion_uplift=9.0, weeks_sold_364d=12),
        told(4),
    ]
    shelf.fill(PRODUCT_360, products)
    found = [(row["product_id"], row["uplift"]) for row in shelf.ask(PROMOTION_RESPONSE)]
    assert found == [(2, 1.5), (1, 0.5)]


def test_what_is_looked_at_and_left_is_measured_against_the_whole_shop(shelf: Shelf) -> None:
    def clicked(number: int, views: int, additions: int) -> dict[str, Any]:
        return told(
            number, views_91d=views, cart_additions_91d=additions, online_purchases_91d=additions
        )

    # A tenth of all views is the shop's rate: 2 lacks eight additions, 3 has eight too many.
    shelf.fill(PRODUCT_360, [clicked(1, 20, 2), clicked(2, 80, 0), clicked(3, 80, 16), told(4)])
    found = [(row["product_id"], row["fewer_than_usual"]) for row in shelf.ask(LOOKED_AT_AND_LEFT)]
    assert found == [(2, 8.0), (1, 0.0), (3, -8.0)]


def test_price_changes_are_averaged_over_the_products_of_a_category(shelf: Shelf) -> None:
    def priced(number: int, category: str | None, changes: int, **more: Any) -> dict[str, Any]:
        price = {"shelf_price": Decimal("1.00"), "price_changes_364d": changes}
        return told(number, product_category=category, **price, **more)

    products = [
        *(priced(1, "MILK", 4), priced(2, "MILK", 2), priced(3, "CHEESE", 5)),
        *(priced(4, None, 50), priced(5, "CHEESE", 50, weeks_sold_364d=1)),
    ]
    shelf.fill(PRODUCT_360, products)
    found = [
        (row["product_category"], row["products"], row["changes_per_product"])
        for row in shelf.ask(PRICE_CHANGES)
    ]
    assert found == [("CHEESE", 1, 5.0), ("MILK", 2, 3.0)]


def test_expected_demand_is_summed_over_the_weeks(shelf: Shelf) -> None:
    first = shelf.ask(EXPECTED_DEMAND)[0]
    assert (first["product_id"], first["expected"], first["low"], first["high"]) == (3, 12, 0, 24)
    assert (first["first_week"], first["last_week"]) == (MONDAY, date(2018, 1, 22))


def test_models_are_compared_by_their_quantile_loss(shelf: Shelf) -> None:
    verdicts = [(row["model"], row["wql"], row["wape"]) for row in shelf.ask(FORECAST_QUALITY)]
    assert verdicts == [("good", 0.4, 0.7), ("naive", 0.6, 0.7)]


def test_every_question_becomes_an_asset_that_keeps_its_answer(shelf: Shelf) -> None:
    assert shelf.materialize(*answers).success
    assert sorted(key.split("/")[1] for key in shelf.kept()) == sorted(q.name for q in QUESTIONS)


def test_the_same_answer_is_kept_once(shelf: Shelf) -> None:
    shelf.materialize(answer_asset(BEST_SELLERS))
    kept = shelf.kept()
    assert shelf.materialize(answer_asset(BEST_SELLERS)).success
    assert shelf.kept() == kept
    shelf.fill(PRODUCT_360, [product(9, "DAIRY", "1.00", "1.00")])
    shelf.materialize(answer_asset(BEST_SELLERS))
    assert len(shelf.kept()) == len(kept) + 1


def test_an_answer_is_kept_as_csv_and_shown(shelf: Shelf) -> None:
    result = shelf.materialize(answer_asset(DEPARTMENT_TREND))
    (made,) = result.asset_materializations_for_node("answer_department_trend")
    assert made.metadata["dagster/row_count"].value == 2
    assert "| DAIRY | 2 | 40.00 | 0.0 |" in str(made.metadata["answer"].value)
    (key,) = shelf.kept()
    assert shelf.lake.zone("results").read(key).decode().splitlines() == [
        "department,products_sold,revenue_28d,change",
        "DAIRY,2,40.00,0.0",
        "BAKERY,1,20.00,1.5",
    ]


def test_a_question_without_its_table_fails_with_the_reason(tmp_path: Path) -> None:
    result = Shelf(tmp_path).materialize(answer_asset(BEST_SELLERS))
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "publish the table first" in str(failure.step_failure_data.user_failure_data)
