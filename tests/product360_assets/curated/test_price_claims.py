"""Claims about prices and promotions hold on right data and fail on one wrong row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from product360_assets.curated.price_week import price_week_checks
from product360_assets.curated.promotion_week import promotion_week_checks
from spark.tables.curated import PRICE_WEEK, PROMOTION_WEEK

Row = dict[str, Any]
MONDAY = date(2017, 12, 18)  # of week 52
DELIVERED, AGAIN = date(2017, 12, 25), date(2018, 3, 5)


def delivered_price(product: int, shelf: str, day: date = DELIVERED, week: int = 52) -> Row:
    prices = {"shelf_price": Decimal(shelf), "loyalty_price": Decimal("1.00")}
    return {"product_id": product, "week": week, **prices, "lines": 3, "_landing_date": day}


def price(product: int, shelf: str, **more: Any) -> Row:
    prices = {"shelf_price": Decimal(shelf), "loyalty_price": Decimal("1.00"), "price_lines": 3}
    return {"product_id": product, "week_start": MONDAY, "business_week": 52, **prices, **more}


PRICES = [price(1, "2.50"), price(2, "3.00")]
EQUAL = "prices_equal_the_newest_deliveries"


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        (PRICES, set()),
        (PRICES[:1], {EQUAL}),
        ([PRICES[0], price(2, "2.99")], {EQUAL}),
        ([*PRICES, price(3, "1.00")], {EQUAL}),
        ([PRICES[0], price(2, "3.00", price_lines=4)], {EQUAL}),
        (
            [PRICES[0], price(2, "3.00", week_start=date(2017, 12, 19))],
            {EQUAL, "price_weeks_begin_on_their_monday"},
        ),
        # Week 52 of another year.
        ([PRICES[0], price(2, "3.00", week_start=date(2016, 12, 19))], {EQUAL}),
        (
            [PRICES[0], price(2, "3.00", loyalty_price=Decimal("3.01"))],
            {EQUAL, "loyalty_prices_are_not_above_shelf_prices"},
        ),
    ],
)
def test_prices_are_compared_with_what_was_delivered(
    shop: Any, rows: list[Row], failing: set[str]
) -> None:
    shop.deliver(
        "pricing.price_week", PRICE_WEEK, delivered_price(1, "2.50"), delivered_price(2, "3.00")
    )
    shop.fill(PRICE_WEEK, *rows)
    assert shop.failing(price_week_checks) == failing


@pytest.mark.parametrize(("published", "failing"), [("2.75", set()), ("2.50", {EQUAL})])
def test_the_newest_delivery_of_a_week_is_what_prices_are_compared_with(
    shop: Any, published: str, failing: set[str]
) -> None:
    # The year turns in between: week 52 is still of 2017 in March, and week 1 of 2018 is not.
    shop.deliver("pricing.price_week", PRICE_WEEK, delivered_price(1, "2.75", AGAIN))
    shop.deliver(
        "pricing.price_week",
        PRICE_WEEK,
        delivered_price(1, "2.50"),
        delivered_price(1, "3.00", AGAIN, week=1),
    )
    new_year = price(1, "3.00", week_start=date(2018, 1, 1), business_week=1)
    shop.fill(PRICE_WEEK, price(1, published), new_year)
    assert shop.failing(price_week_checks) == failing


def placed(product: int, display: str, mailer: str, day: date = DELIVERED) -> Row:
    places = {"display_location": display, "mailer_location": mailer}
    return {"product_id": product, "store_id": 300, "week": 52, **places, "_landing_date": day}


def promotion(product: int, display: str | None, mailer: str | None, **more: Any) -> Row:
    row = {
        "product_id": product,
        "store_id": 300,
        "week_start": MONDAY,
        "business_week": 52,
        "is_on_display": display is not None,
        "is_in_mailer": mailer is not None,
        "display_locations": display,
        "mailer_locations": mailer,
    }
    return row | more


PROMOTIONS = [promotion(1, "2+5", None), promotion(2, None, "A"), promotion(3, "7", "D")]
SAME = "promotions_equal_the_newest_deliveries"


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        (PROMOTIONS, set()),
        (PROMOTIONS[1:], {SAME}),
        ([*PROMOTIONS, promotion(4, "1", None)], {SAME}),
        ([promotion(1, None, "5"), *PROMOTIONS[1:]], {SAME}),
        (
            [promotion(1, "2+5", None, display_locations=None), *PROMOTIONS[1:]],
            {"flags_agree_with_the_places"},
        ),
        (
            [promotion(1, "2+5", None, mailer_locations="0"), *PROMOTIONS[1:]],
            {"flags_agree_with_the_places"},
        ),
        ([promotion(1, None, None), *PROMOTIONS[1:]], {SAME, "every_row_promotes_something"}),
        (
            [promotion(1, "2+5", None, week_start=date(2017, 12, 11)), *PROMOTIONS[1:]],
            {SAME, "promotion_weeks_begin_on_their_monday"},
        ),
        ([*PROMOTIONS, PROMOTIONS[2]], {SAME, "key_is_unique"}),
    ],
)
def test_promotions_are_compared_with_what_was_delivered(
    shop: Any, rows: list[Row], failing: set[str]
) -> None:
    old = [placed(3, "0", "A")]
    both = [placed(1, "5", "0"), placed(1, "2", "0")]
    shop.deliver("pricing.promotion_week", PROMOTION_WEEK, *old, *both, placed(2, "0", "A"))
    shop.deliver("pricing.promotion_week", PROMOTION_WEEK, placed(3, "7", "D", AGAIN))
    shop.fill(PROMOTION_WEEK, *rows)
    assert shop.failing(promotion_week_checks) == failing
