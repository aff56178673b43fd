"""The price now, how often it changed, and what it is against its category."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from spark.tables.curated import PRODUCT, PRODUCT_WEEK
from spark.transforms.product_360_price import with_category_index, with_price

AS_OF = date(2017, 12, 31)
MONDAY = date(2017, 12, 25)


def week(product: int, weeks_ago: int, shelf: str | None, loyalty: str = "1.00") -> dict[str, Any]:
    return {
        "product_id": product,
        "week_start": MONDAY - timedelta(weeks=weeks_ago),
        "shelf_price": None if shelf is None else Decimal(shelf),
        "loyalty_price": None if shelf is None else Decimal(loyalty),
    }


def prices(
    published: Any, products: list[dict[str, Any]], *weeks: dict[str, Any]
) -> dict[int, Any]:
    rows = with_price(published(PRODUCT, *products), published(PRODUCT_WEEK, *weeks), AS_OF)
    return {row["product_id"]: row for row in with_category_index(rows).collect()}


def test_the_price_is_that_of_the_last_priced_week_and_changes_are_counted_between_such_weeks(
    published,
) -> None:
    weeks = [
        # The week before the year began: what the first price of the year is compared with.
        week(1, 53, "9.00"),
        week(1, 52, "2.00"),
        week(1, 51, "3.00"),
        week(1, 10, "3.00"),
        week(1, 9, None),
        week(1, 8, "3.50"),
        week(1, 2, "3.00", "2.75"),
        week(1, 1, None),
    ]
    products = [{"product_id": number} for number in (1, 2)]
    rows = prices(published, products, *weeks)
    seen = ("shelf_price", "loyalty_price", "priced_week", "price_changes_364d")
    assert tuple(rows[1][name] for name in seen) == (
        Decimal("3.00"),
        Decimal("2.75"),
        MONDAY - timedelta(weeks=2),
        3,
    )
    assert tuple(rows[2][name] for name in seen) == (None, None, None, 0)


def test_the_index_is_against_the_mean_of_department_and_category(published) -> None:
    def product(number: int, department: str, category: str | None) -> dict[str, Any]:
        return {"product_id": number, "department": department, "product_category": category}

    products = [
        product(1, "GROCERY", "SOUP"),
        product(2, "GROCERY", "SOUP"),
        product(3, "GROCERY", "SOUP"),
        product(4, "DELI", "SOUP"),
        product(5, "GROCERY", None),
    ]
    costs = {1: "1.00", 2: "2.00", 4: "8.00", 5: "3.00"}
    rows = prices(published, products, *(week(number, 0, cost) for number, cost in costs.items()))
    indexes = {number: row["category_price_index"] for number, row in rows.items()}
    assert indexes == {1: 1.0 / 1.5, 2: 2.0 / 1.5, 3: None, 4: 1.0, 5: None}
