"""Claims about histories hold on right periods and fail on one wrong row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from product360_assets.curated.price_history import price_history_checks
from product360_assets.curated.product_history import product_history_checks
from spark.tables.curated import PRICE_HISTORY, PRODUCT_HISTORY

Row = dict[str, Any]
MAY, JUNE, JULY = (datetime(2017, month, 1, 8) for month in (5, 6, 7))  # noqa: DTZ001


def said(product: int, brand: str, at: datetime, operation: str = "U") -> Row:
    order = {"_epoch": "load-1", "_committed_at": at, "_change_sequence": "1"}
    said = {"hierarchy_id": None, "manufacturer_id": None, "brand": brand, "package_size": None}
    return {"product_id": product, **said, **order, "_operation": operation}


def period(product: int, brand: str, begin: datetime, end: datetime | None) -> Row:
    period = {"valid_from": begin, "valid_to": end, "is_current": end is None}
    return {"product_id": product, "brand": brand, **period}


DELIVERED = [
    said(1, "National", MAY),
    said(1, "Private", JUNE),
    said(2, "National", MAY),
    said(2, "National", JUNE, "D"),
]
FIRST = period(1, "National", MAY, JUNE)
SECOND = period(1, "Private", JUNE, None)
ENDED = period(2, "National", MAY, JUNE)
OVERLAP, LENGTH = "periods_do_not_overlap", "a_period_ends_after_it_begins"
OPEN, NEWS = "what_is_current_has_no_end", "a_new_period_says_something_new"
CURRENT = "current_rows_are_what_was_last_delivered"


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        ([FIRST, SECOND, ENDED], set()),
        ([{**FIRST, "valid_to": JULY}, SECOND, ENDED], {OVERLAP}),
        ([{**FIRST, "valid_to": None, "is_current": True}, SECOND, ENDED], {OVERLAP, CURRENT}),
        ([FIRST, SECOND, {**ENDED, "valid_to": MAY}], {LENGTH}),
        ([FIRST, SECOND, {**ENDED, "valid_to": None}], {OPEN}),
        ([FIRST, {**SECOND, "brand": "National"}, ENDED], {NEWS, CURRENT}),
        ([FIRST, ENDED], {CURRENT}),
        ([FIRST, SECOND, period(2, "National", MAY, None)], {CURRENT}),
        ([FIRST, SECOND, ENDED, period(3, "National", MAY, None)], {CURRENT}),
    ],
)
def test_periods_are_compared_with_each_other_and_with_deliveries(
    shop: Any, rows: list[Row], failing: set[str]
) -> None:
    shop.deliver("catalog.product", PRODUCT_HISTORY, *DELIVERED)
    shop.fill(PRODUCT_HISTORY, *rows)
    assert shop.failing(product_history_checks) == failing


MONDAY, NEXT = date(2017, 12, 11), date(2017, 12, 18)


def price(begin: date, end: date | None, shelf: str) -> Row:
    prices = {"shelf_price": Decimal(shelf), "loyalty_price": Decimal("1.00")}
    period = {"valid_from": begin, "valid_to": end, "is_current": end is None}
    return {"product_id": 1, **prices, **period}


def weekly(week: int, shelf: str, day: date) -> Row:
    prices = {"shelf_price": Decimal(shelf), "loyalty_price": Decimal("1.00")}
    return {"product_id": 1, "week": week, **prices, "lines": 3, "_landing_date": day}


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ([price(MONDAY, NEXT, "2.50"), price(NEXT, None, "2.00")], True),
        ([price(MONDAY, None, "2.50")], False),
        ([price(NEXT, None, "2.00")], False),
        ([price(MONDAY, NEXT, "2.49"), price(NEXT, None, "2.00")], False),
    ],
)
def test_the_price_of_every_week_is_asked_for(shop: Any, rows: list[Row], holds: bool) -> None:
    weeks = [weekly(51, "2.50", NEXT), weekly(52, "2.00", date(2017, 12, 25))]
    shop.deliver("pricing.price_week", PRICE_HISTORY, *weeks)
    shop.fill(PRICE_HISTORY, *rows)
    failing = shop.failing(price_history_checks)
    assert ("every_weeks_price_is_the_one_that_held" not in failing) is holds
