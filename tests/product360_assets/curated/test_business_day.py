"""The as-of date comes from the rows and their deliveries, never from a clock."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from product360_assets.curated.business_day import latest_closed_day
from resources.errors import TableMissing
from spark.tables.curated import SALES_LINE

CLEAN = {"basket_id": 1, "product_id": 1}


def as_of(shop: Any) -> date:
    return latest_closed_day(
        shop.warehouse,
        shop.ledger.open(),
        published=SALES_LINE,
        day="business_date",
        source="pos",
        table="sales_line",
    )


def test_it_is_the_last_day_with_sales_before_the_delivery(shop: Any) -> None:
    shop.deliver("pos.sales_line", SALES_LINE, CLEAN)  # delivered on 2018-01-01
    days = (date(2017, 12, 30), date(2017, 12, 31))
    shop.fill(SALES_LINE, *({"basket_id": 1, "business_date": day} for day in days))
    assert as_of(shop) == date(2017, 12, 31)


def test_a_day_that_was_still_going_on_at_delivery_is_not_closed(shop: Any) -> None:
    shop.deliver("pos.sales_line", SALES_LINE, CLEAN)
    days = (date(2017, 12, 30), date(2018, 1, 1))
    shop.fill(SALES_LINE, *({"basket_id": 1, "business_date": day} for day in days))
    assert as_of(shop) == date(2017, 12, 30)


def test_a_later_delivery_closes_the_day(shop: Any) -> None:
    shop.deliver("pos.sales_line", SALES_LINE, CLEAN)
    shop.deliver("pos.sales_line", SALES_LINE, CLEAN)  # delivered on 2018-01-02
    shop.fill(SALES_LINE, {"basket_id": 1, "business_date": date(2018, 1, 1)})
    assert as_of(shop) == date(2018, 1, 1)


def test_without_sales_there_is_no_such_day(shop: Any) -> None:
    shop.catalog.ensure_table(SALES_LINE)
    with pytest.raises(TableMissing, match="materialize the asset curated/sales_line first"):
        as_of(shop)
