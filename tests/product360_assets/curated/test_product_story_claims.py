"""Every claim about a product's weeks and its 360 degrees fails on one wrong number."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from product360_assets.curated.product_360 import product_360_checks
from product360_assets.curated.product_week import product_week_checks
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_360,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)

DAY, MONDAY = date(2017, 12, 31), date(2017, 12, 25)
NOON = datetime(2017, 12, 28, 12)  # noqa: DTZ001 - the column's zone is UTC
Row = dict[str, Any]


def money(text: str) -> Decimal:
    return Decimal(text)


def line(basket: int, product: int, value: str) -> Row:
    """A sales line of one piece, ten cents of which the loyalty card took off."""
    discounts = {"coupon_discount": money("0.00"), "coupon_match_discount": money("0.00")}
    return {
        "basket_id": basket,
        "product_id": product,
        "household_id": 1,
        "store_id": 1,
        "business_date": DAY,
        "units": 1,
        "sales_value": money(value),
        "retail_discount": money("0.10"),
        **discounts,
    }


PRICE = {"shelf_price": money("1.60"), "loyalty_price": money("1.50")}
WEEKS: list[Row] = [
    {
        "product_id": 10,
        "week_start": MONDAY,
        "units": 2,
        "revenue": money("4.50"),
        "baskets": 2,
        "households": 1,
        "stores": 1,
        "shelf_value": money("4.70"),
        "coupon_discount": money("0.00"),
        **PRICE,
        "coupon_redemptions": 1,
        "stores_on_display": 2,
        "stores_in_mailer": 1,
        "stores_promoted": 2,
        "is_promoted": True,
        "views": 4,
        "cart_additions": 2,
        "online_purchases": 1,
    },
    {
        "product_id": 11,
        "week_start": MONDAY,
        "units": 1,
        "revenue": money("2.50"),
        "baskets": 1,
        "households": 1,
        "stores": 1,
        "shelf_value": money("2.60"),
        "coupon_discount": money("0.00"),
        **PRICE,
    },
]


def interaction(kind: str, **more: Any) -> Row:
    campaign = {"campaign_id": 3, "campaign_start_date": MONDAY, "campaign_end_date": DAY}
    return {"interaction_id": f"{kind}/{more}", "interaction_type": kind, **campaign, **more}


INTERACTIONS = [
    interaction("target", household_id=1),
    interaction("offer", coupon_upc="5", product_id=10),
    interaction("offer", coupon_upc="5", product_id=12),
    interaction("redemption", coupon_upc="5", household_id=1, interaction_date=DAY),
]


def event(number: int, kind: str, visitor: str = "person") -> Row:
    at = {"event_date": date(2017, 12, 28), "event_time": NOON}
    return {
        "event_id": str(number),
        "event_type": kind,
        "visitor_id": visitor,
        "product_id": 10,
        **at,
    }


def visit(visitor: str, *, bot: bool) -> Row:
    times = {"started_at": NOON, "ended_at": NOON}
    days = {"session_date": date(2017, 12, 28)}
    return {"session_id": visitor, "visitor_id": visitor, "is_bot": bot, **times, **days}


STEPS = ["view"] * 4 + ["add_to_cart"] * 2 + ["purchase"]


@pytest.fixture
def told(shop: Any) -> Any:
    """A shop whose published tables agree with each other, up to `product_360`."""
    shop.fill(PRODUCT, *({"product_id": number} for number in (10, 11, 12)))
    shop.fill(SALES_LINE, line(1, 10, "1.50"), line(1, 11, "2.50"), line(2, 10, "3.00"))
    prices = ({"product_id": number, "week_start": MONDAY, **PRICE} for number in (10, 11))
    shop.fill(PRICE_WEEK, *prices)
    shown = {"product_id": 10, "week_start": MONDAY, "is_on_display": True}
    shop.fill(
        PROMOTION_WEEK,
        {**shown, "store_id": 1, "is_in_mailer": True},
        {**shown, "store_id": 2},
        {**shown, "store_id": 3, "is_on_display": False},
    )
    shop.fill(INTERACTION, *INTERACTIONS)
    events = [event(number, kind) for number, kind in enumerate(STEPS)]
    shop.fill(CLICK_EVENT, *events, event(99, "view", "robot"))
    shop.fill(CLICK_SESSION, visit("person", bot=False), visit("robot", bot=True))
    shop.fill(PRODUCT_WEEK, *WEEKS)
    return shop


def first(**wrong: Any) -> list[Row]:
    """The weeks, the first of which says something else."""
    return [{**WEEKS[0], **wrong}, *WEEKS[1:]]


@pytest.mark.parametrize(
    ("weeks", "failing"),
    [
        (WEEKS, set()),
        (first(revenue=money("4.51")), {"sales_equal_those_of_the_closed_weeks"}),
        (first(units=None), {"sales_equal_those_of_the_closed_weeks"}),
        (
            [{**row, "week_start": date(2017, 12, 11)} for row in WEEKS],
            {
                "the_last_closed_week_is_there",
                "sales_equal_those_of_the_closed_weeks",
                "prices_equal_those_of_the_pricing_team",
                "promotions_are_counted_once_per_store",
                "used_coupons_are_those_whose_product_was_bought",
                "clicks_equal_the_events_of_people",
            },
        ),
        (first(shelf_price=money("1.61")), {"prices_equal_those_of_the_pricing_team"}),
        (
            first(shelf_price=None, loyalty_price=None),
            {"prices_equal_those_of_the_pricing_team", "most_sales_have_a_price"},
        ),
        (first(stores_promoted=3), {"promotions_are_counted_once_per_store"}),
        (first(coupon_redemptions=2), {"used_coupons_are_those_whose_product_was_bought"}),
        (first(views=5), {"clicks_equal_the_events_of_people"}),
    ],
)
def test_one_wrong_week_fails_its_claim(told: Any, weeks: list[Row], failing: set[str]) -> None:
    told.fill(PRODUCT_WEEK, *weeks)
    assert told.failing(product_week_checks) == failing


def test_a_week_on_a_tuesday_is_none(told: Any) -> None:
    tuesday = [{**row, "week_start": date(2017, 12, 26)} for row in WEEKS]
    told.fill(PRODUCT_WEEK, *tuesday)
    assert "weeks_begin_on_mondays" in told.failing(product_week_checks)


def windows(product: int, *, revenue: str, units: int, **more: Any) -> Row:
    """A product whose windows all hold the same sales, and of which nothing else is known."""
    row: Row = {"product_id": product, "as_of_date": DAY}
    for days in (7, 28, 91, 364):
        row |= {f"units_{days}d": units, f"revenue_{days}d": money(revenue)}
        row |= {f"baskets_{days}d": units, f"households_{days}d": units}
    counts = [column.name for column in PRODUCT_360.columns if column.type == "bigint"]
    return {**dict.fromkeys(counts[2:], 0), **row, **more}


SOLD = {"first_sale_date": DAY, "last_sale_date": DAY, "days_since_last_sale": 0}
SOUP = {"department": "GROCERY", "product_category": "SOUP", "package_size": "12 OZ"}
RIGHT: list[Row] = [
    windows(10, revenue="4.50", units=2, lifecycle_stage="new", weeks_sold_364d=1, **SOLD, **SOUP)
    | {**PRICE, "priced_week": MONDAY, "category_price_index": 1.0}
    | {"discount_depth_91d": 0.2 / 4.7, "promotion_weeks_364d": 1}
    | {"display_weeks_364d": 1, "mailer_weeks_364d": 1, "campaigns_364d": 1}
    | {"campaign_reach_364d": 1, "coupon_redemptions_364d": 1, "views_91d": 4}
    | {"cart_additions_91d": 2, "online_purchases_91d": 1}
    | {"view_to_cart_rate_91d": 0.5, "cart_to_purchase_rate_91d": 0.5},
    windows(11, revenue="2.50", units=1, lifecycle_stage="new", weeks_sold_364d=1, **SOLD, **SOUP)
    | {**PRICE, "priced_week": MONDAY, "category_price_index": 1.0}
    | {"discount_depth_91d": 0.1 / 2.6},
    windows(12, revenue="0.00", units=0, lifecycle_stage="never_sold", **SOUP)
    | {"campaigns_364d": 1, "campaign_reach_364d": 1},
]
UNPRICED = {"quality_flags": "no_price", "quality_flag_count": 1}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        ({}, None),
        ({"revenue_364d": money("4.51")}, "revenue_equals_the_sales_of_the_longest_window"),
        ({"baskets_7d": 3}, "longer_windows_hold_the_shorter_ones"),
        ({"lifecycle_stage": "dormant"}, "stages_follow_from_dates"),
        ({"lifecycle_stage": "old"}, "stages_follow_from_dates"),
        ({"days_since_last_sale": 1}, "stages_follow_from_dates"),
        ({"shelf_price": money("1.61")}, "prices_are_those_of_the_last_priced_week"),
        ({"price_changes_364d": 1}, "prices_are_those_of_the_last_priced_week"),
        ({"category_price_index": 1.01}, "a_category_costs_its_mean"),
        ({"category_price_index": None}, "a_category_costs_its_mean"),
        ({"promotion_weeks_364d": 2}, "promotions_are_those_of_the_weeks"),
        ({"discount_depth_91d": 0.04}, "promotions_are_those_of_the_weeks"),
        ({"promotion_uplift": 0.1}, "promotions_are_those_of_the_weeks"),
        ({"views_91d": 5}, "clicks_and_coupons_are_those_of_the_weeks"),
        ({"view_to_cart_rate_91d": None}, "clicks_and_coupons_are_those_of_the_weeks"),
        ({"campaigns_364d": 2}, "campaigns_reach_the_households_they_were_sent_to"),
        ({"campaign_reach_364d": 2}, "campaigns_reach_the_households_they_were_sent_to"),
        ({"repeat_rate_7d": 1.5}, "rates_can_be_rates"),
        ({"package_size": None}, "flags_say_what_is_so"),
        (
            {"quality_flags": "sold_by_volume", "quality_flag_count": 1},
            "flags_say_what_is_so",
        ),
        ({"quality_flag_count": 1}, "flags_say_what_is_so"),
    ],
)
def test_one_wrong_number_of_a_product_fails_its_claim(
    told: Any, wrong: Row, failing: str | None
) -> None:
    told.fill(PRODUCT_360, {**RIGHT[0], **wrong}, *RIGHT[1:])
    assert told.failing(product_360_checks) == ({failing} if failing else set())


def test_a_product_that_is_missing_and_sales_without_a_price_are_seen(told: Any) -> None:
    told.fill(PRODUCT_360, {**RIGHT[0], **UNPRICED}, RIGHT[1])
    assert told.failing(product_360_checks) == {
        "every_product_has_its_row",
        "flags_say_what_is_so",
        "most_sales_have_a_price_of_this_quarter",
    }


def test_an_uplift_is_computed_again_from_the_weeks(told: Any) -> None:
    # Five weeks with a promotion and two pieces each, five others with three pieces in all.
    first_monday = date(2017, 10, 23)
    weeks = [
        {
            "product_id": 10,
            "week_start": date.fromordinal(first_monday.toordinal() + 7 * n),
            "baskets": 1,
            "units": 2 if n % 2 else 3,
            "revenue": money("1.00"),
            "shelf_value": money("1.00"),
            "is_promoted": n % 2 == 1,
            "coupon_discount": money("0.00"),
        }
        for n in (0, 1, 3, 5, 7, 9)
    ]
    told.fill(SALES_LINE, {**line(1, 10, "1.00"), "business_date": date(2017, 1, 1)})
    told.fill(PRODUCT_WEEK, *weeks)
    name = "promotions_are_those_of_the_weeks"
    for uplift, holds in ((2 / (3 / 5) - 1, True), (2 / 3 - 1, False)):
        row = {**RIGHT[0], "promotion_uplift": uplift, "weeks_sold_364d": 6}
        shown = {"promotion_weeks_364d": 5, "display_weeks_364d": 0, "mailer_weeks_364d": 0}
        told.fill(PRODUCT_360, {**row, **shown, "discount_depth_91d": 0.0})
        assert (name not in told.failing(product_360_checks)) is holds
