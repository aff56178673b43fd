"""Targets, offers and redemptions, and the receipts that redemptions are matched with."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from spark.tables import TABLES
from spark.transforms.interaction import interactions

CAMPAIGNS = "campaign_id bigint, campaign_type string, start_date date, end_date date"
TARGETS = "campaign_id bigint, household_id bigint"
COUPONS = "coupon_upc string, product_id bigint, campaign_id bigint"
REDEMPTIONS = "household_id bigint, coupon_upc string, campaign_id bigint, redemption_date date"
SALES = (
    "household_id bigint, business_date date, basket_id bigint, product_id bigint, "
    "sales_value decimal(12,2), coupon_discount decimal(12,2)"
)
START, DAY, END = date(2017, 5, 1), date(2017, 5, 9), date(2017, 6, 30)
ONE, HALF, NONE = Decimal("1.00"), Decimal("0.50"), Decimal("0.00")


@pytest.fixture
def made(changes, frame):
    def make(sales):
        rows = interactions(
            changes(CAMPAIGNS, [(13, "Type A", START, END)]),
            changes(TARGETS, [(13, 7), (13, 8)]),
            changes(COUPONS, [("0100", 1, 13), ("0100", 2, 13), ("0100", 3, 13), ("0999", 4, 14)]),
            changes(REDEMPTIONS, [(7, "0100", 13, DAY), (8, "0100", 13, DAY)]),
            frame(SALES, sales),
        )
        table = TABLES["curated.interaction"]
        assert tuple(rows.columns) == table.column_names
        assert dict(rows.dtypes) == {column.name: column.type for column in table.columns}
        return {row["interaction_id"]: row.asDict() for row in rows.collect()}

    return make


LINES = [
    # Three receipts of the day: two of the coupon's products, two again, and one of them.
    (7, DAY, 31, 1, ONE, NONE),
    (7, DAY, 31, 2, ONE, HALF),
    (7, DAY, 30, 1, ONE, NONE),
    (7, DAY, 30, 3, ONE, NONE),
    (7, DAY, 29, 2, ONE, NONE),
    (7, DAY, 28, 9, ONE, HALF),
    # Another day, another household, a receipt without a household.
    (7, date(2017, 5, 10), 1, 1, ONE, ONE),
    (6, DAY, 2, 1, ONE, ONE),
    (None, DAY, 3, 1, ONE, ONE),
]


def test_each_thing_that_a_campaign_did_is_one_row(made) -> None:
    rows = made(LINES)
    assert {name: row["interaction_type"] for name, row in rows.items()} == {
        "target/13/7": "target",
        "target/13/8": "target",
        "offer/13/0100/1": "offer",
        "offer/13/0100/2": "offer",
        "offer/13/0100/3": "offer",
        "offer/14/0999/4": "offer",
        "redemption/13/7/0100/2017-05-09": "redemption",
        "redemption/13/8/0100/2017-05-09": "redemption",
    }
    target, offer = rows["target/13/7"], rows["offer/13/0100/1"]
    assert (target["household_id"], target["coupon_upc"], target["baskets_on_day"]) == (
        7,
        None,
        None,
    )
    assert (offer["household_id"], offer["coupon_upc"], offer["product_id"]) == (None, "0100", 1)
    assert {row["interaction_date"] for row in (target, offer)} == {START}
    assert (target["campaign_type"], target["campaign_end_date"]) == ("Type A", END)


def test_a_coupon_of_an_unknown_campaign_is_kept_without_it(made) -> None:
    offer = made([])["offer/14/0999/4"]
    assert (offer["campaign_id"], offer["campaign_type"], offer["interaction_date"]) == (
        14,
        None,
        None,
    )


def test_a_redemption_is_on_the_receipt_of_its_day_with_most_of_its_products(made) -> None:
    used = made(LINES)["redemption/13/7/0100/2017-05-09"]
    assert (used["basket_id"], used["baskets_on_day"], used["offered_products_bought"]) == (
        30,
        4,
        3,
    )
    assert (used["offered_sales_value"], used["offered_coupon_discount"]) == (Decimal(5), HALF)
    assert (used["interaction_date"], used["product_id"]) == (DAY, None)


def test_a_receipt_counts_without_any_of_the_products_and_no_receipt_is_null(made) -> None:
    rows = made([(7, DAY, 28, 9, ONE, HALF), (7, DAY, 27, 9, ONE, HALF)])
    used, unseen = (rows[f"redemption/13/{number}/0100/2017-05-09"] for number in (7, 8))
    names = ("basket_id", "baskets_on_day", "offered_products_bought", "offered_sales_value")
    assert [used[name] for name in names] == [27, 2, 0, NONE]
    assert [unseen[name] for name in names] == [None, 0, 0, NONE]
