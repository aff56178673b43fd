"""Every claim about uplift, elasticity, web shop and customers fails on one wrong number."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from product360_assets.curated.customer_activity import customer_activity_checks
from product360_assets.curated.item_funnel import item_funnel_checks
from product360_assets.curated.price_elasticity import price_elasticity_checks
from product360_assets.curated.promotion_uplift import promotion_uplift_checks
from product360_assets.curated.purchase_attribution import purchase_attribution_checks
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    CUSTOMER,
    CUSTOMER_ACTIVITY,
    INTERACTION,
    ITEM_FUNNEL,
    PRICE_ELASTICITY,
    PRODUCT,
    PRODUCT_WEEK,
    PROMOTION_UPLIFT,
    PURCHASE_ATTRIBUTION,
    SALES_LINE,
)

DAY, MONDAY = date(2017, 12, 31), date(2017, 12, 25)
NOON = datetime(2017, 12, 28, 12)  # noqa: DTZ001 - the column's zone is UTC
Row = dict[str, Any]


def week(product: int, weeks_ago: int, units: int, **more: Any) -> Row:
    monday = MONDAY - timedelta(weeks=weeks_ago)
    money = dict.fromkeys(("revenue", "shelf_value", "coupon_discount"), Decimal("0.00"))
    return {
        "product_id": product,
        "week_start": monday,
        "units": units,
        "baskets": 1,
        **money,
        **more,
    }


def line(basket: int, product: int, value: str, day: date = DAY) -> Row:
    return {
        "basket_id": basket,
        "product_id": product,
        "household_id": 1,
        "business_date": day,
        "sales_value": Decimal(value),
    }


# --- promotion_uplift: five weeks in the mailer, five without, the department always ten -------

MAILED = {"is_promoted": True, "stores_in_mailer": 1, "stores_promoted": 1}
UPLIFT = {
    "product_id": 10,
    "as_of_date": DAY,
    "status": "estimated",
    "promoted_weeks": 5,
    "other_weeks": 5,
    "promoted_units": 10,
    "other_units": 3,
    "uplift": 10 / 3 - 1,
    "uplift_unadjusted": 10 / 3 - 1,
    "expected_units": 3.0,
    "standard_error": 0.5,
}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        ({}, None),
        ({"promotion_kind": "display"}, "every_promotion_of_the_year_is_judged"),
        ({"promoted_weeks": 6}, "weeks_and_pieces_add_up_to_those_of_the_product"),
        ({"other_units": 4}, "weeks_and_pieces_add_up_to_those_of_the_product"),
        ({"status": "too_few_other_weeks"}, "a_number_stands_only_where_the_weeks_can_tell"),
        ({"uplift": None}, "a_number_stands_only_where_the_weeks_can_tell"),
        ({"expected_units": 4.0}, "a_number_stands_only_where_the_weeks_can_tell"),
    ],
)
def test_a_wrong_uplift_fails_its_claim(shop: Any, wrong: Row, failing: str | None) -> None:
    shop.fill(PRODUCT, {"product_id": 10}, {"product_id": 11})
    shop.fill(SALES_LINE, line(1, 10, "1.00", date(2017, 1, 1)))
    shop.fill(
        PRODUCT_WEEK,
        week(10, 9, 3),
        *(week(10, ago, 2, **MAILED) for ago in (8, 6, 4, 2, 0)),
        *(week(11, ago, 10) for ago in range(10)),
    )
    kinds = [{**UPLIFT, "promotion_kind": kind} for kind in ("any", "mailer")]
    shop.fill(PROMOTION_UPLIFT, {**kinds[0], **wrong}, kinds[1])
    assert shop.failing(promotion_uplift_checks) == ({failing} if failing else set())


# --- price_elasticity ---------------------------------------------------------------------------

ELASTICITY = {
    "product_id": 10,
    "as_of_date": DAY,
    "status": "estimated",
    "selling_weeks": 12,
    "lowest_price": Decimal("1.00"),
    "highest_price": Decimal("2.00"),
    "price_variation": 0.36,
    "elasticity": -1.0,
    "is_clamped": False,
    "standard_error": 0.2,
    "own_elasticity": -1.5,
    "own_standard_error": 0.3,
    "category_elasticity": -0.5,
    "category_products": 1,
    "pooled_elasticity": -0.6,
}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        ({}, None),
        ({"selling_weeks": 13}, "every_product_sold_is_judged_on_its_own_weeks"),
        ({"highest_price": Decimal("2.01")}, "every_product_sold_is_judged_on_its_own_weeks"),
        ({"status": "too_few_weeks"}, "a_number_stands_only_where_the_weeks_can_tell"),
        ({"price_variation": 0.01}, "a_number_stands_only_where_the_weeks_can_tell"),
        ({"is_clamped": True}, "a_number_stands_only_where_the_weeks_can_tell"),
        ({"elasticity": -1.6}, "what_is_drawn_to_the_category_lies_between_it_and_the_product"),
        ({"standard_error": 1.0}, "what_is_drawn_to_the_category_lies_between_it_and_the_product"),
        ({"pooled_elasticity": 0.1}, "demand_falls_with_price"),
    ],
)
def test_a_wrong_elasticity_fails_its_claim(shop: Any, wrong: Row, failing: str | None) -> None:
    shop.fill(PRODUCT, {"product_id": 10})
    prices = (Decimal(1 + ago % 2).quantize(Decimal("0.01")) for ago in range(12))
    weeks = (week(10, ago, 3, loyalty_price=price) for ago, price in enumerate(prices))
    shop.fill(PRODUCT_WEEK, *weeks, week(10, 60, 3, loyalty_price=Decimal("9.00")))
    shop.fill(PRICE_ELASTICITY, {**ELASTICITY, **wrong})
    assert shop.failing(price_elasticity_checks) == ({failing} if failing else set())


# --- the web shop: one visit that looked at two items, carted and bought one --------------------


@pytest.fixture
def visited(shop: Any) -> Any:
    shop.fill(CUSTOMER, {"household_id": 1}, {"household_id": 2})
    shop.fill(SALES_LINE, line(1, 10, "1.50"), line(1, 11, "2.50"))
    steps = [("view", 10), ("view", 11), ("add_to_cart", 10), ("purchase", 10)]
    at = {"event_date": DAY, "event_time": NOON}
    events = [
        {"event_id": str(n), "visitor_id": "v", "event_type": step, "product_id": item, **at}
        for n, (step, item) in enumerate(steps)
    ]
    shop.fill(CLICK_EVENT, *events, {**events[0], "event_id": "bot", "visitor_id": "robot"})
    times = {"started_at": NOON, "ended_at": NOON, "session_date": DAY}
    visit = {"session_id": "s", "visitor_id": "v", "household_id": 1, "basket_id": 1, **times}
    bot = {"session_id": "r", "visitor_id": "robot", "is_bot": True, **times}
    shop.fill(CLICK_SESSION, visit, bot)
    campaign = {
        "campaign_id": 3,
        "campaign_start_date": MONDAY,
        "campaign_end_date": DAY,
        "interaction_date": DAY,
    }
    shop.fill(
        INTERACTION,
        {"interaction_id": "t", "interaction_type": "target", "household_id": 1, **campaign},
        *(
            {"interaction_id": f"o{item}", "interaction_type": "offer", "product_id": item}
            | {"coupon_upc": "5", **campaign}
            for item in (10, 11)
        ),
        {"interaction_id": "r", "interaction_type": "redemption", "household_id": 2}
        | {"coupon_upc": "5", **campaign},
    )
    return shop


FUNNEL = {
    "product_id": 10,
    "week_start": MONDAY,
    "visits": 1,
    "visits_viewing": 1,
    "visits_carting": 1,
    "visits_buying": 1,
    "visits_viewing_and_carting": 1,
    "visits_carting_and_buying": 1,
    "visits_viewing_and_buying": 1,
    "view_to_cart_rate": 1.0,
    "cart_to_purchase_rate": 1.0,
    "online_revenue": Decimal("1.50"),
}
LOOKED = {"product_id": 11, "week_start": MONDAY, "visits": 1, "visits_viewing": 1}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        ({}, None),
        (
            {"visits_viewing": 0, "view_to_cart_rate": None, "visits_viewing_and_carting": 0}
            | {"visits_viewing_and_buying": 0},
            "steps_equal_the_visits_of_people",
        ),
        ({"abandoned_carts": 1}, "no_step_is_taken_by_more_visits_than_there_were"),
        ({"view_to_cart_rate": 2.0}, "no_step_is_taken_by_more_visits_than_there_were"),
        ({"online_revenue": Decimal("4.00")}, "revenue_is_on_receipts_that_a_visit_ended_in"),
    ],
)
def test_a_wrong_step_fails_its_claim(visited: Any, wrong: Row, failing: str | None) -> None:
    shown = {"view_to_cart_rate": 0.0, "online_revenue": Decimal("0.00")}
    visited.fill(ITEM_FUNNEL, {**FUNNEL, **wrong}, {**LOOKED, **shown}, as_of=DAY)
    assert visited.failing(item_funnel_checks) == ({failing} if failing else set())


LED = {
    "basket_id": 1,
    "product_id": 10,
    "household_id": 1,
    "business_date": DAY,
    "sales_value": Decimal("1.50"),
    "attributed_to": "visit",
    "session_id": "s",
    "campaigns": 1,
    "campaign_id": 3,
    "campaign_start_date": MONDAY,
}
OFFERED = {**LED, "product_id": 11, "sales_value": Decimal("2.50"), "session_id": None}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        ({}, None),
        ({"sales_value": Decimal("1.51")}, "every_row_is_a_sales_line_with_its_value"),
        ({"basket_id": 2}, "every_row_is_a_sales_line_with_its_value"),
        ({"attributed_to": "campaign"}, "credit_follows_from_what_led_there"),
        (
            {"attributed_to": "campaign", "session_id": None, "last_visit_date": MONDAY}
            | {"earlier_visits_7d": 1, "first_visit_date": MONDAY},
            "credit_follows_from_what_led_there",
        ),
        ({"campaigns": 2}, "every_coupon_and_campaign_of_a_line_is_counted"),
        (
            {"coupons_used": 1, "attributed_to": "coupon"},
            "every_coupon_and_campaign_of_a_line_is_counted",
        ),
    ],
)
def test_wrong_credit_fails_its_claim(visited: Any, wrong: Row, failing: str | None) -> None:
    visited.fill(PURCHASE_ATTRIBUTION, {**LED, **wrong}, {**OFFERED, "attributed_to": "campaign"})
    assert visited.failing(purchase_attribution_checks) == ({failing} if failing else set())


ACTIVE = {
    "household_id": 1,
    "as_of_date": DAY,
    "first_purchase_date": DAY,
    "last_purchase_date": DAY,
    "days_since_last_purchase": 0,
    "activity_stage": "new",
    "baskets_91d": 1,
    "baskets_364d": 1,
    "revenue_91d": Decimal("4.00"),
    "revenue_364d": Decimal("4.00"),
    "frequency_score": 1,
    "monetary_score": 1,
    "recency_score": 1,
    "online_baskets_364d": 1,
    "campaigns_364d": 1,
}
IDLE = {"household_id": 2, "as_of_date": DAY, "activity_stage": "never_bought"}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        ({}, None),
        ({"household_id": 3}, "every_customer_has_its_row"),
        ({"revenue_364d": Decimal("4.01")}, "what_was_bought_equals_the_sales_to_the_cent"),
        ({"activity_stage": "active"}, "stages_follow_from_dates"),
        ({"online_baskets_364d": 2}, "stages_follow_from_dates"),
        ({"monetary_score": 6}, "equal_households_score_alike"),
        ({"campaigns_364d": 2}, "campaigns_and_coupons_are_those_of_the_campaigns"),
    ],
)
def test_a_wrong_deed_fails_its_claim(visited: Any, wrong: Row, failing: str | None) -> None:
    none = {"revenue_91d": Decimal("0.00"), "revenue_364d": Decimal("0.00")}
    visited.fill(CUSTOMER_ACTIVITY, {**ACTIVE, **wrong}, {**IDLE, **none, "coupons_used_364d": 1})
    failed = visited.failing(customer_activity_checks)
    if wrong == {"household_id": 3}:  # whose campaign is then counted for nobody
        failed -= {"campaigns_and_coupons_are_those_of_the_campaigns"}
    assert failed == ({failing} if failing else set())
