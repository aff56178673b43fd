"""Every claim about a published table holds on right data and fails on one wrong row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from product360_assets.curated.claims import newest
from product360_assets.curated.customer import customer_checks
from product360_assets.curated.pending import Input
from product360_assets.curated.product import product_checks
from product360_assets.curated.sales_line import sales_line_checks
from product360_assets.curated.taken_in import claimed_files, clean_batches, locations
from product360_assets.forecast.training import weekly_demand_checks
from resources.errors import TableMissing
from spark.tables.curated import CUSTOMER, PRODUCT, SALES_LINE
from spark.tables.forecast import WEEKLY_DEMAND

DAY = date(2017, 12, 31)
Row = dict[str, Any]


def line(basket: int, product: int, value: str, **more: Any) -> Row:
    """A published sales line of one piece."""
    published = {
        "basket_id": basket,
        "product_id": product,
        "household_id": 1,
        "store_id": 1,
        "business_date": DAY,
        "units": 1,
        "is_known_product": True,
        "sales_value": Decimal(value),
        "retail_discount": Decimal("0.10"),
        "coupon_discount": Decimal("0.00"),
        "coupon_match_discount": Decimal("0.00"),
    }
    return {**published, **more}


def delivered(basket: int, product: int, value: str, **more: Any) -> Row:
    """The clean line that it was made from."""
    names = ("basket_id", "product_id", "sales_value")
    discounts = ("retail_discount", "coupon_discount", "coupon_match_discount")
    whole = line(basket, product, value)
    return {name: whole[name] for name in (*names, *discounts)} | more


LINES = (line(1, 10, "1.50"), line(1, 11, "2.50"), line(2, 10, "3.00"))
CLEAN_LINES = (delivered(1, 10, "1.50"), delivered(1, 11, "2.50"), delivered(2, 10, "3.00"))
RECEIPTS = tuple({"basket_id": each, "household_id": 1, "store_id": 1} for each in (1, 2, 7))


@pytest.fixture
def till(shop: Any) -> Any:
    """The shop, to which receipts were delivered and clean lines."""
    shop.deliver("pos.basket", SALES_LINE, *RECEIPTS)
    shop.deliver("pos.sales_line", SALES_LINE, *CLEAN_LINES)
    return shop


def test_sales_that_equal_what_was_delivered_pass(till: Any) -> None:
    till.fill(SALES_LINE, *LINES)
    assert till.failing(sales_line_checks) == set()


@pytest.mark.parametrize(
    ("lines", "failing"),
    [
        (LINES[1:], "sales_equal_the_clean_lines_to_the_cent"),
        ((line(1, 10, "1.51"), *LINES[1:]), "sales_equal_the_clean_lines_to_the_cent"),
        ((LINES[0] | {"business_date": None}, *LINES[1:]), "every_line_has_its_receipt"),
        ((LINES[0] | {"is_fuel": True}, *LINES[1:]), "fuel_has_no_units"),
        ((LINES[0] | {"business_date": date(2038, 1, 1)}, *LINES[1:]), "no_sale_is_after_2037"),
        (
            (LINES[0] | {"is_known_product": False}, *LINES[1:]),
            "products_are_known_to_the_catalogue",
        ),
    ],
)
def test_one_wrong_sales_line_fails_its_claim(
    till: Any, lines: tuple[Row, ...], failing: str
) -> None:
    till.fill(SALES_LINE, *lines)
    assert till.failing(sales_line_checks) == {failing}


def test_a_line_published_twice_fails_two_claims(till: Any) -> None:
    till.fill(SALES_LINE, *LINES, LINES[0])
    assert till.failing(sales_line_checks) == {
        "key_is_unique",
        "sales_equal_the_clean_lines_to_the_cent",
    }


@pytest.mark.parametrize(
    ("receipts", "failing"),
    [
        (RECEIPTS[:1], {"every_line_has_its_receipt"}),
        (RECEIPTS[:2], {"every_line_has_its_receipt"}),
        ((RECEIPTS[0], RECEIPTS[1] | {"household_id": None}), set()),
    ],
    ids=["no receipt", "a household that is lost", "a household that was erased"],
)
def test_a_line_is_nobodys_only_if_its_clean_receipt_is(
    shop: Any, receipts: tuple[Row, ...], failing: set[str]
) -> None:
    shop.deliver("pos.basket", SALES_LINE, *receipts)
    shop.deliver("pos.sales_line", SALES_LINE, *CLEAN_LINES)
    shop.fill(SALES_LINE, *LINES[:2], LINES[2] | {"household_id": None})
    assert shop.failing(sales_line_checks) == failing


def test_a_claim_without_any_delivery_says_which_one_it_lacks(shop: Any) -> None:
    shop.deliver("pos.basket", SALES_LINE, *RECEIPTS)
    inputs = (Input("pos", "basket"), Input("pos", "sales_line"))
    batches = clean_batches(shop.ledger.open(), SALES_LINE, inputs)
    with pytest.raises(TableMissing, match=r"clean_pos_sales_line.*curated\.sales_line.*material"):
        claimed_files(SALES_LINE, shop.lake, locations(batches))


def test_changes_count_as_what_they_leave_behind(till: Any) -> None:
    changes = [
        delivered(1, 10, "9.00", _operation="U", _change_sequence="2"),
        delivered(1, 10, "8.00", _operation="U", _change_sequence="1"),
        delivered(1, 11, "2.50", _operation="D", _change_sequence="3"),
    ]
    till.deliver("pos.sales_line", SALES_LINE, *changes)
    till.fill(SALES_LINE, line(1, 10, "9.00"), line(2, 10, "3.00"))
    assert till.failing(sales_line_checks) == set()


def test_a_reload_counts_alone(till: Any) -> None:
    till.deliver("pos.sales_line", SALES_LINE, delivered(7, 70, "7.00", _epoch="1"))
    till.fill(SALES_LINE, line(7, 70, "7.00"))
    assert till.failing(sales_line_checks) == set()


def test_a_delete_wins_a_tie(shop: Any) -> None:
    shop.deliver(
        "pos.sales_line",
        SALES_LINE,
        delivered(1, 10, "1.00"),
        delivered(1, 10, "1.00", _operation="D"),
    )
    files = shop.lake.zone("clean").list("pos")
    uris = [shop.lake.zone("clean").uri_of(found.key) for found in files]
    sql = f"SELECT count(*) AS rows FROM {newest('changes', 'basket_id', 'product_id')}"
    assert shop.warehouse.query(sql, files={"changes": uris}).single() == {"rows": 0}


def catalogue(*ids: int) -> list[Row]:
    return [{"product_id": number} for number in ids]


def test_products_listed_and_sold_pass(shop: Any) -> None:
    shop.deliver("catalog.product", PRODUCT, *catalogue(10, 11))
    shop.deliver("pos.sales_line", PRODUCT, delivered(1, 10, "1.00"), delivered(1, 99, "1.00"))
    shop.fill(PRODUCT, *catalogue(10, 11), {"product_id": 99, "is_unknown_member": True})
    assert shop.failing(product_checks) == set()


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        ([*catalogue(10), {"product_id": 99}], {"every_product_of_the_catalogue_is_there"}),
        (
            [*catalogue(10), {"product_id": 11, "is_unknown_member": True}, *catalogue(99)],
            {"every_product_of_the_catalogue_is_there"},
        ),
        (catalogue(10, 11), {"every_product_sold_is_there"}),
    ],
)
def test_one_missing_product_fails_its_claim(shop: Any, rows: list[Row], failing: set[str]) -> None:
    shop.deliver("catalog.product", PRODUCT, *catalogue(10, 11))
    shop.deliver("pos.sales_line", PRODUCT, delivered(1, 99, "1.00"))
    shop.fill(PRODUCT, *rows)
    assert shop.failing(product_checks) == failing


@pytest.mark.parametrize(
    ("published", "failing"),
    [
        ((1, 2), set()),
        ((1,), {"customers_are_the_delivered_households"}),
        ((1, 2, 3), {"customers_are_the_delivered_households"}),
    ],
)
def test_customers_are_compared_with_the_delivered_households(
    shop: Any, published: tuple[int, ...], failing: set[str]
) -> None:
    shop.deliver("crm.household", CUSTOMER, {"household_id": 1}, {"household_id": 2})
    shop.fill(CUSTOMER, *({"household_id": number} for number in published))
    assert shop.failing(customer_checks) == failing


def week(item: str, day: date, demand: float) -> Row:
    return {"item_id": item, "week_start": day, "demand": demand}


FIRST, SECOND = date(2017, 12, 18), date(2017, 12, 25)
WEEKS = [week("10", FIRST, 0), week("10", SECOND, 2), week("11", SECOND, 1)]


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        (WEEKS, set()),
        ([WEEKS[0] | {"demand": 5}, *WEEKS[1:]], {"demand_equals_the_units_sold"}),
        (
            [week("10", date(2017, 12, 11), 0), *WEEKS[1:]],
            {"every_item_has_all_its_weeks"},
        ),
        (
            [week("10", date(2017, 12, 19), 0), *WEEKS[1:]],
            {"weeks_begin_on_mondays", "every_item_has_all_its_weeks"},
        ),
    ],
)
def test_the_training_set_is_compared_with_the_sales(
    shop: Any, rows: list[Row], failing: set[str]
) -> None:
    shop.fill(SALES_LINE, *LINES)
    shop.fill(WEEKLY_DEMAND, *rows)
    assert shop.failing(weekly_demand_checks) == failing


def test_an_empty_table_is_a_failed_publication(shop: Any) -> None:
    shop.deliver("crm.household", CUSTOMER, {"household_id": 1})
    shop.catalog.ensure_table(CUSTOMER)
    assert "is_not_empty" in shop.failing(customer_checks)
