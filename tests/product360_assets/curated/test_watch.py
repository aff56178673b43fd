"""Published tables are watched by what their snapshots, manifests and the ledger say of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from product360_assets.core.usual import NOT_JUDGED
from product360_assets.curated.claims import no_price_jumps
from product360_assets.curated.commits import AS_OF_DATE, INPUTS
from product360_assets.curated.derive import replace_rows
from product360_assets.curated.table_checks import table_checks
from product360_assets.curated.watch import (
    Published,
    is_up_to_date,
    nulls_are_usual,
    rows_did_not_drop,
)
from resources.ledger import Delivery
from spark.tables.curated import PRICE_WEEK, PRODUCT, PRODUCT_360

WEEK = date(2017, 12, 18)


def products(count: int, *, without_size: int = 0) -> list[dict[str, Any]]:
    return [
        {"product_id": number, "package_size": None if number < without_size else "12 OZ"}
        for number in range(count)
    ]


def seen(shop: Any, table: Any = PRODUCT) -> Published:
    return Published(table, shop.ledger.open(), shop.catalog)


def test_a_table_that_took_in_every_clean_delivery_is_up_to_date(shop: Any) -> None:
    shop.fill(PRODUCT, *products(1))
    assert NOT_JUDGED in is_up_to_date(seen(shop)).counted
    shop.deliver("catalog.product", PRODUCT, {"product_id": 0})
    assert is_up_to_date(seen(shop)).holds


def test_a_delivery_that_was_made_clean_and_not_taken_in_is_named(shop: Any) -> None:
    shop.fill(PRODUCT, *products(1))
    shop.deliver("catalog.product", PRODUCT, {"product_id": 0})
    ledger = shop.ledger.open()
    [state] = ledger.zone_states("catalog", "product", "clean").values()
    ledger.record_zone(replace(state, unit="2"), replacing=state)
    verdict = is_up_to_date(seen(shop))
    assert not verdict.holds
    assert verdict.counted == {
        "newest clean delivery not taken in": {"catalog.product": "2018-01-01"}
    }


@pytest.mark.parametrize(("age", "holds"), [(1, True), (4, True), (5, False)])
def test_a_derived_table_is_as_old_as_its_day_by_the_data_s_calendar(
    shop: Any, age: int, holds: bool
) -> None:
    today = date(2018, 1, 1)
    moment = datetime(2018, 1, 1, 8, tzinfo=UTC)
    shop.ledger.open().record_delivery(
        Delivery("crm", "household", "1", today, "", "successful", moment, moment, 0, 0, {})
    )
    shop.catalog.ensure_table(PRODUCT_360)
    iceberg = shop.catalog.table(PRODUCT_360.identifier)
    nothing = pa.Table.from_pylist([], schema=iceberg.schema().as_arrow())
    as_of = today - timedelta(days=age)
    iceberg.append(nothing, snapshot_properties={AS_OF_DATE: as_of.isoformat()})
    assert is_up_to_date(seen(shop, PRODUCT_360)).holds is holds


def test_a_lost_fifth_is_noticed_and_growth_is_none(shop: Any) -> None:
    shop.fill(PRODUCT, *products(100))
    assert NOT_JUDGED in rows_did_not_drop(seen(shop)).counted
    iceberg = shop.catalog.table(PRODUCT.identifier)
    iceberg.append(iceberg.scan().to_arrow())
    assert rows_did_not_drop(seen(shop)).holds
    iceberg.delete("product_id >= 80")
    verdict = rows_did_not_drop(seen(shop))
    assert not verdict.holds
    assert (verdict.counted["rows"], verdict.counted["rows before"]) == (160, 200)


def test_a_column_that_empties_is_noticed_in_the_manifests(shop: Any) -> None:
    shop.fill(PRODUCT, *products(200))
    shop.fill(PRODUCT, *products(200, without_size=50))
    verdict = nulls_are_usual(seen(shop))
    # `fill` deletes before it appends; the state before the current one is empty.
    assert NOT_JUDGED in verdict.counted
    iceberg = shop.catalog.table(PRODUCT.identifier)
    iceberg.append(iceberg.scan("package_size is null").to_arrow())
    assert nulls_are_usual(seen(shop)).counted["unusual"] == {
        "package_size": "25.0% before, 40.0% now"
    }


def test_what_replaces_all_rows_is_compared_with_the_rows_that_it_replaced(shop: Any) -> None:
    shop.catalog.ensure_table(PRODUCT)
    schema = shop.catalog.table(PRODUCT.identifier).schema().as_arrow()
    shop.fill(PRODUCT, *products(200))
    whole = shop.catalog.table(PRODUCT.identifier).scan().to_arrow().cast(schema)
    for number, rows in enumerate((whole, whole.slice(0, 150))):
        replace_rows(shop.catalog, PRODUCT, rows, {INPUTS: str(number)})
    assert rows_did_not_drop(seen(shop)).counted["rows before"] == 200
    assert not rows_did_not_drop(seen(shop)).holds
    assert NOT_JUDGED not in nulls_are_usual(seen(shop)).counted


def prices(*values: str) -> list[dict[str, Any]]:
    from decimal import Decimal

    return [
        {
            "product_id": 7,
            "week_start": WEEK + timedelta(days=7 * number),
            "shelf_price": Decimal(value),
        }
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "failing"),
    [
        (("1.00", "2.99", "1.00"), set()),
        (("1.00", "10.00"), {"shelf_price_does_not_jump"}),
        (("10.00", "1.00"), {"shelf_price_does_not_jump"}),
        (("1.00", "0.00", "1.00"), set()),
    ],
)
def test_a_shifted_decimal_point_is_a_jump(
    shop: Any, values: tuple[str, ...], failing: set[str]
) -> None:
    claim = no_price_jumps(PRICE_WEEK, key=["product_id"], order="week_start", column="shelf_price")
    shop.fill(PRICE_WEEK, *prices(*values))
    assert shop.failing(table_checks(PRICE_WEEK, [claim])) == failing


def test_the_largest_jump_is_shown(shop: Any) -> None:
    claim = no_price_jumps(PRICE_WEEK, key=["product_id"], order="week_start", column="shelf_price")
    shop.fill(PRICE_WEEK, *prices("1.00", "10.00", "40.00"))
    shown = shop.warehouse.query(claim.sql).single()
    assert (shown["jumps"], shown["largest_factor"]) == (2, 10)
    assert shown["largest_jump"] == "7 2017-12-25: 1.00 to 10.00"
