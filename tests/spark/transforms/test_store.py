"""Stores, as their tills and promotions show them on one day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from spark.tables import TABLES
from spark.transforms.store import stores

SALES = (
    "store_id bigint, business_date date, basket_id bigint, household_id bigint, "
    "product_id bigint, sales_value decimal(12,2)"
)
PROMOTIONS = "store_id bigint, week_start date"
AS_OF = date(2017, 5, 13)
MONDAY, NEXT = date(2017, 5, 1), date(2017, 5, 8)


def test_a_store_is_what_its_tills_and_promotions_say_by_that_day(frame) -> None:
    sales = [
        (1, MONDAY, 10, 7, 1, Decimal("1.10")),
        (1, MONDAY, 10, 7, 2, Decimal("2.20")),
        (1, AS_OF, 11, 7, 1, Decimal("3.30")),
        (1, date(2017, 5, 14), 12, 8, 3, Decimal("4.40")),
        (2, NEXT, 13, None, 1, Decimal("5.50")),
        (None, NEXT, 14, 7, 1, Decimal("6.60")),
    ]
    # The week of 8 May is not over on the 13th.
    promotions = [(1, MONDAY), (1, MONDAY), (1, NEXT), (3, MONDAY), (4, NEXT)]
    rows = stores(frame(SALES, sales), frame(PROMOTIONS, promotions), AS_OF)
    table = TABLES["curated.store"]
    assert tuple(rows.columns) == table.column_names
    assert dict(rows.dtypes) == {column.name: column.type for column in table.columns}
    assert {row["store_id"]: tuple(row)[2:] for row in rows.collect()} == {
        1: (MONDAY, AS_OF, 2, 2, 1, 2, Decimal("6.60"), 1, MONDAY, True),
        2: (NEXT, NEXT, 1, 1, 0, 1, Decimal("5.50"), 0, None, False),
        3: (None, None, 0, 0, 0, 0, Decimal("0.00"), 1, MONDAY, True),
    }
