"""First and last sale, and the stage that they and the last two quarters make."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from spark.tables.curated import PRODUCT, PRODUCT_WEEK, SALES_LINE
from spark.transforms.product_360_lifecycle import with_lifecycle

AS_OF = date(2017, 12, 31)
MONDAY = date(2017, 12, 25)


def sale(product: int, days_ago: int, value: str = "1.00") -> dict[str, Any]:
    day = AS_OF - timedelta(days=days_ago)
    return {"product_id": product, "business_date": day, "sales_value": Decimal(value)}


def lives(published: Any, lines: list[dict[str, Any]], *weeks: dict[str, Any]) -> dict[int, Any]:
    products = published(PRODUCT, *({"product_id": number} for number in range(1, 12)))
    rows = with_lifecycle(
        products, published(SALES_LINE, *lines), published(PRODUCT_WEEK, *weeks), AS_OF
    )
    return {row["product_id"]: row for row in rows.collect()}


def test_a_stage_follows_from_the_dates_and_then_from_the_revenue(published) -> None:
    # Days 0 to 90 are the last quarter, 91 to 181 the one before.
    lines = [
        *(sale(1, 90), sale(1, 0)),
        *(sale(2, 91), sale(2, 0, "9.00")),
        *(sale(3, 300), sale(3, 91)),
        *(sale(4, 181, "4.00"), sale(4, 90, "5.00")),
        *(sale(5, 181, "4.00"), sale(5, 90, "4.99")),
        *(sale(6, 91, "5.00"), sale(6, 0, "4.00")),
        *(sale(7, 91, "5.00"), sale(7, 0, "4.01")),
        # Nothing in the quarter before: any revenue is growth, and none at all is none.
        *(sale(8, 182, "7.00"), sale(8, 0, "0.01")),
        *(sale(9, 182, "7.00"), sale(9, 0, "0.00")),
        sale(10, -1),
    ]
    stages = {number: row["lifecycle_stage"] for number, row in lives(published, lines).items()}
    assert stages == {
        1: "new",
        2: "growing",
        3: "dormant",
        4: "growing",
        5: "stable",
        6: "declining",
        7: "stable",
        8: "growing",
        9: "stable",
        10: "never_sold",
        11: "never_sold",
    }


def test_dates_count_to_the_day_and_weeks_count_when_closed_and_sold_in(published) -> None:
    weeks = [
        {"product_id": 1, "week_start": monday, "baskets": baskets}
        for monday, baskets in (
            (MONDAY, 1),
            (MONDAY - timedelta(weeks=51), 1),
            (MONDAY - timedelta(weeks=52), 1),
            (MONDAY - timedelta(weeks=3), 0),
        )
    ]
    rows = lives(published, [sale(1, 200), sale(1, 3)], *weeks)
    seen = ("first_sale_date", "last_sale_date", "days_since_last_sale", "weeks_sold_364d")
    assert tuple(rows[1][name] for name in seen) == (
        AS_OF - timedelta(days=200),
        date(2017, 12, 28),
        3,
        2,
    )
    assert tuple(rows[2][name] for name in seen) == (None, None, None, 0)
