"""From the source package to a query: nothing lost, nothing invented, to the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import oracle
import pytest
from lineage import Lineage

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def package(retailer: Lineage) -> Any:
    return oracle.panel(retailer.scale)


@pytest.fixture(scope="module")
def curated(retailer: Lineage) -> Any:
    """The curated tables as DuckDB relations, read by PyIceberg and not by the warehouse."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    catalog = retailer.resources()["catalog"]
    for name in ("product", "customer", "sales_line", "product_360"):
        connection.register(name, catalog.table(f"curated.{name}").scan().to_arrow())
    return connection


# Noted from the package by hand.
SALES = {"smoke": (15_370, Decimal("46969.16")), "full": (1_469_307, Decimal("4596039.58"))}


def test_curated_sales_equal_the_package_to_the_cent(
    retailer: Lineage, package: Any, curated: Any
) -> None:
    (totals,) = curated.sql(
        """SELECT count(*), sum(sales_value), sum(retail_discount), sum(coupon_discount),
                  sum(coupon_match_discount), count(DISTINCT basket_id) FROM sales_line"""
    ).fetchall()
    assert [totals] == package.sql(oracle.CONTROL_TOTALS).fetchall()
    assert totals[:2] == SALES[retailer.scale]


def test_sales_equal_the_package_for_every_department_and_business_day(
    package: Any, curated: Any
) -> None:
    days = curated.sql(
        """SELECT department, business_date, count(*), sum(sales_value), sum(retail_discount),
                  sum(coupon_discount), sum(coupon_match_discount), count(DISTINCT basket_id)
           FROM sales_line JOIN product USING (product_id) GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    assert days == package.sql(oracle.BY_DEPARTMENT_AND_DAY).fetchall()


def test_no_real_sales_line_is_in_quarantine(sail: Lineage) -> None:
    ledger = sail.resources()["ledger"].open()
    states = ledger.zone_states("pos", "sales_line", "clean")
    assert states
    assert sum(state.rows_quarantined for state in states.values()) == 0


def test_every_zone_accounts_for_every_row_of_every_batch(sail: Lineage) -> None:
    from product360_assets.core.contract import load_contracts

    ledger = sail.resources()["ledger"].open()
    tables = 0
    for system, contract in load_contracts().items():
        for table in contract.tables:
            batches = ledger.batches(system, table.name)
            clean = ledger.zone_states(system, table.name, "clean")
            assert {batch.batch_id for batch in batches} == set(clean), table.name
            for state in clean.values():
                assert state.rows_in == state.rows_out + state.rows_quarantined
            assert sum(state.rows_in for state in clean.values()) > 0, table.name
            tables += 1
    assert tables == 13


def test_coupons_delivered_twice_are_in_quarantine_with_their_reason(sail: Lineage) -> None:
    ledger = sail.resources()["ledger"].open()
    states = ledger.zone_states("marketing", "coupon", "clean").values()
    assert sum(state.rows_in for state in states) == 116_204
    assert sum(state.rows_quarantined for state in states) == 4_872


@pytest.mark.parametrize("days", [7, 28, 91, 364])
def test_product_360_equals_the_package(package: Any, curated: Any, days: int) -> None:
    ours = curated.sql(
        f"""SELECT product_id, units_{days}d, revenue_{days}d, baskets_{days}d, households_{days}d,
                   round(repeat_rate_{days}d, 9)
            FROM product_360 WHERE baskets_{days}d > 0 ORDER BY product_id"""
    ).fetchall()
    theirs = package.sql(oracle.product_360(days)).fetchall()
    # A product sold as fuel only has no units; whether that reads 0 or null is not the package's.
    assert [(row[0], row[1] or 0, *row[2:]) for row in ours] == [
        (row[0], row[1] or 0, *row[2:5], float(row[5])) for row in theirs
    ]


def test_fuel_keeps_its_value_and_counts_no_units(curated: Any) -> None:
    ((lines, units, value, largest),) = curated.sql(
        """SELECT count(*) FILTER (is_fuel), sum(units) FILTER (is_fuel),
                  sum(sales_value) FILTER (is_fuel), max(units) FROM sales_line"""
    ).fetchall()
    assert lines > 0
    assert units is None
    assert value > 0
    assert largest <= 144


def test_products_missing_from_the_catalogue_are_visible(package: Any, curated: Any) -> None:
    orphans = package.sql(
        """SELECT DISTINCT product_id FROM lines ANTI JOIN products USING (product_id)
           ORDER BY product_id"""
    ).fetchall()
    members = curated.sql(
        "SELECT product_id FROM product WHERE is_unknown_member ORDER BY product_id"
    ).fetchall()
    assert members == orphans
    assert members


def test_every_customer_who_shops_is_known(package: Any, curated: Any) -> None:
    shoppers = package.sql("SELECT DISTINCT household_id FROM lines ORDER BY 1").fetchall()
    assert curated.sql("SELECT household_id FROM customer ORDER BY 1").fetchall() == shoppers


def test_the_forecast_covers_four_weeks_after_the_last_day(sail: Lineage) -> None:
    (row,) = sail.query(
        """SELECT count(DISTINCT date) AS weeks, min(date) AS first, count(*) AS forecasts,
                  count(*) FILTER (p10 <= p50 AND p50 <= p90) AS ordered
           FROM demand_forecast"""
    )
    assert row["weeks"] == 4
    assert str(row["first"]).startswith("2018-01-01")
    assert row["forecasts"] == row["ordered"] > 0


def test_the_backtest_is_stored_beside_its_baseline(sail: Lineage) -> None:
    models = sail.query("SELECT DISTINCT model FROM forecast_accuracy ORDER BY model")
    assert len(models) >= 2


def test_the_outlook_shows_each_forecast_beside_its_product(retailer: Lineage) -> None:
    """Joined again in Python, from the tables as PyIceberg reads them."""
    catalog = retailer.resources()["catalog"]
    weeks: dict[int, list[dict[str, Any]]] = {}
    for row in catalog.table("forecast.demand_forecast").scan().to_arrow().to_pylist():
        weeks.setdefault(int(row["item_id"]), []).append(row)
    wapes = {
        (int(row["item_id"]), row["model"]): row["wape"]
        for row in catalog.table("forecast.item_accuracy").scan().to_arrow().to_pylist()
    }
    names = [
        f"{quantile}_week_{week}" for week in range(1, 5) for quantile in ("p10", "p50", "p90")
    ]
    shown = retailer.query(
        f"""SELECT product_id, forecast_model, item_wape, expected_units_28d, {", ".join(names)}
            FROM product_360_outlook"""
    )
    assert len(shown) == catalog.row_count("curated.product_360")
    assert sum(row["forecast_model"] is not None for row in shown) == len(weeks) > 0
    for row in shown:
        expected = sorted(weeks.get(row["product_id"], []), key=lambda each: each["date"])
        quantiles = [each[name] for each in expected for name in ("p10", "p50", "p90")]
        assert [row[name] for name in names] == (quantiles or [None] * 12)
        if expected:
            model = expected[0]["model"]
            assert row["forecast_model"] == model
            assert row["item_wape"] == wapes.get((row["product_id"], model))
            total = sum(each["mean"] for each in expected)
            assert row["expected_units_28d"] == pytest.approx(total)


def test_running_the_demo_again_changes_nothing(sail: Lineage) -> None:
    digests, snapshots = sail.digests(), sail.snapshots()
    sail.demo()
    assert sail.snapshots() == snapshots
    assert sail.digests() == digests
