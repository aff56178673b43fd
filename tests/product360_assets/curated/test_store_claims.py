"""Claims about stores hold on right data and fail on one wrong row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from product360_assets.curated.store import store_checks
from spark.tables.curated import PROMOTION_WEEK, SALES_LINE, STORE

Row = dict[str, Any]
AS_OF = date(2017, 12, 31)
MONDAY = date(2017, 12, 18)  # of week 52


def line(basket: int, store: int, value: str, day: date = MONDAY, week: int = 52) -> Row:
    sale = {"store_id": store, "business_date": day, "sales_value": Decimal(value)}
    return {"basket_id": basket, "product_id": 1, "business_week": week, **sale}


def store(number: int, revenue: str, baskets: int, weeks: int) -> Row:
    known = {"store_id": number, "as_of_date": AS_OF, "baskets": baskets}
    return known | {
        "revenue": Decimal(revenue),
        "promotion_weeks": weeks,
        "has_promotions": weeks > 0,
    }


STORES = [store(1, "3.50", 2, 1), store(2, "4.00", 1, 0), store(3, "0.00", 0, 1)]
REVENUE = "revenue_equals_the_sales_to_the_cent"
PROMOTING = "every_promoting_store_is_there"


@pytest.mark.parametrize(
    ("stores", "failing"),
    [
        (STORES, set()),
        ([store(1, "3.51", 2, 1), *STORES[1:]], {REVENUE}),
        ([store(1, "3.50", 3, 1), *STORES[1:]], {REVENUE}),
        (STORES[:2], {PROMOTING}),
        ([store(1, "3.50", 2, 2), *STORES[1:]], {PROMOTING}),
        ([STORES[0] | {"has_promotions": False}, *STORES[1:]], {PROMOTING}),
    ],
)
def test_stores_are_compared_with_sales_and_promotions(
    shop: Any, stores: list[Row], failing: set[str]
) -> None:
    tomorrow = line(9, 1, "9.00", day=date(2018, 1, 1), week=1)
    lines = (line(1, 1, "1.50"), line(2, 1, "2.00"), line(3, 2, "4.00"), tomorrow)
    shop.fill(SALES_LINE, *lines)
    week = {"product_id": 1, "week_start": MONDAY, "business_week": 52}
    # The week of 1 January is not over.
    to_come = {"product_id": 1, "week_start": date(2018, 1, 1), "business_week": 1, "store_id": 4}
    shop.fill(PROMOTION_WEEK, week | {"store_id": 1}, week | {"store_id": 3}, to_come)
    shop.fill(STORE, *stores)
    assert shop.failing(store_checks) == failing


def test_a_till_that_numbers_its_weeks_in_another_way_is_noticed(shop: Any) -> None:
    shop.fill(SALES_LINE, line(1, 1, "1.50", week=51))
    promotion = {"product_id": 1, "store_id": 1, "week_start": MONDAY, "business_week": 52}
    shop.fill(PROMOTION_WEEK, promotion)
    shop.fill(STORE, store(1, "1.50", 1, 1))
    assert shop.failing(store_checks) == {"tills_and_promotions_count_the_same_weeks"}
