"""Trailing windows: what was sold in them, to how many, and who came back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from spark.tables.curated import PRODUCT
from spark.transforms.product_360_sales import with_sales

SOLD = (
    "product_id bigint, household_id bigint, business_date date, units bigint, "
    "sales_value decimal(12,2)"
)
AS_OF = date(2017, 12, 31)


def test_windows_end_with_the_day_itself_and_repeaters_came_twice(frame, published) -> None:
    products = published(
        PRODUCT, {"product_id": 1}, {"product_id": 2, "is_fuel": True}, {"product_id": 3}
    )
    lines = frame(
        SOLD,
        [
            (1, 7, date(2017, 12, 31), 2, Decimal("1.00")),
            (1, 7, date(2017, 12, 25), 3, Decimal("2.00")),
            (1, 8, date(2017, 12, 24), 5, Decimal("4.00")),
            (1, None, date(2017, 12, 4), 7, Decimal("8.00")),
            (1, 9, date(2017, 12, 3), 11, Decimal("16.00")),
            (1, 9, date(2018, 1, 1), 13, Decimal("32.00")),
            (2, 7, date(2017, 12, 31), None, Decimal("25.00")),
        ],
    )
    rows = with_sales(products, lines, AS_OF, [7, 28, 91, 364])
    found = {row["product_id"]: row for row in rows.collect()}

    def window(product: int, days: int) -> tuple[object, ...]:
        names = ("units", "revenue", "baskets", "households", "repeat_rate")
        return tuple(found[product][f"{name}_{days}d"] for name in names)

    assert window(1, 7) == (5, Decimal("3.00"), 2, 1, 1.0)
    assert window(1, 28) == (17, Decimal("15.00"), 4, 2, 0.5)
    assert window(1, 91) == (28, Decimal("31.00"), 5, 3, 1 / 3)
    assert window(2, 7) == (None, Decimal("25.00"), 1, 1, 0.0)
    assert window(3, 364) == (0, Decimal("0.00"), 0, 0, None)


def test_units_beyond_any_number_are_an_error_and_not_a_negative_number(frame, published) -> None:
    most = 2**63 - 1
    lines = frame(SOLD, [(1, 7, AS_OF, most, Decimal(1)), (1, 7, AS_OF, most, Decimal(1))])
    with pytest.raises(Exception, match=r"(?i)overflow|out of range"):
        with_sales(published(PRODUCT, {"product_id": 1}), lines, AS_OF, [7]).collect()
