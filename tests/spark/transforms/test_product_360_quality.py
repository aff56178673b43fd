"""Flags: what a reader should know before trusting a row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from spark.tables.curated import PRODUCT_360, SALES_LINE
from spark.transforms.product_360_quality import with_quality

AS_OF = date(2017, 12, 31)
SOUND: dict[str, Any] = {
    "product_id": 1,
    "product_category": "SOUP",
    "package_size": "12 OZ",
    "shelf_price": Decimal("1.00"),
    "priced_week": date(2017, 10, 2),
    "first_sale_date": date(2017, 1, 1),
}
PAID_FOR_NOTHING = {
    "product_id": 1,
    "business_date": AS_OF,
    "quantity": 0,
    "sales_value": Decimal("0.01"),
}
UNSOLD = {"shelf_price": None, "priced_week": None, "first_sale_date": None}


@pytest.mark.parametrize(
    ("product", "line", "flags"),
    [
        ({}, {"quantity": 1}, None),
        ({}, {"sales_value": Decimal("0.00")}, None),
        ({}, {"business_date": date(2018, 1, 1)}, None),
        ({}, {}, "paid_without_quantity"),
        (UNSOLD, {"quantity": 1}, None),
        ({"shelf_price": None, "priced_week": None}, {"quantity": 1}, "no_price"),
        (
            {"shelf_price": None, "priced_week": None, "is_fuel": True},
            {"quantity": 1},
            "sold_by_volume",
        ),
        ({"priced_week": date(2017, 9, 25)}, {"quantity": 1}, "price_is_old"),
        ({"is_unknown_member": True}, {"quantity": 1}, "not_in_catalogue"),
        (
            {"product_category": None, "package_size": None, "priced_week": date(2017, 1, 2)},
            {},
            "no_category,no_package_size,paid_without_quantity,price_is_old",
        ),
    ],
)
def test_a_flag_is_raised_by_what_it_names_and_by_nothing_else(
    published, product: dict[str, Any], line: dict[str, Any], flags: str | None
) -> None:
    kept = [name for name in PRODUCT_360.column_names if not name.startswith("quality_")]
    rows = published(PRODUCT_360, {**SOUND, **product}).select(*kept)
    lines = published(SALES_LINE, {**PAID_FOR_NOTHING, **line}, {**PAID_FOR_NOTHING, **line})
    (row,) = with_quality(rows, lines, AS_OF).collect()
    assert (row["quality_flags"], row["quality_flag_count"]) == (
        flags,
        len(flags.split(",")) if flags else 0,
    )
