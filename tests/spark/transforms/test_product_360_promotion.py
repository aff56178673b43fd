"""Weeks of promotion, depth of discount, and what promoted weeks sold against the others."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from spark.tables.curated import PRODUCT, PRODUCT_WEEK, SALES_LINE
from spark.transforms.product_360_promotion import with_promotion

AS_OF = date(2017, 12, 31)
MONDAY = date(2017, 12, 25)
LONG_AGO = date(2016, 1, 4)


def week(product: int, weeks_ago: int, units: int | None, **more: Any) -> dict[str, Any]:
    return {
        "product_id": product,
        "week_start": MONDAY - timedelta(weeks=weeks_ago),
        "units": units,
        "baskets": 1 if units else 0,
        **more,
    }


def on_sale(product: int, weeks_ago: int, units: int | None) -> dict[str, Any]:
    return week(product, weeks_ago, units, is_promoted=True, stores_promoted=1, stores_in_mailer=1)


def promotions(
    published: Any, *weeks: dict[str, Any], data_begins: date = LONG_AGO
) -> dict[int, Any]:
    products = published(PRODUCT, *({"product_id": number} for number in range(1, 8)))
    lines = published(SALES_LINE, {"product_id": 1, "business_date": data_begins})
    rows = with_promotion(products, lines, published(PRODUCT_WEEK, *weeks), AS_OF)
    return {row["product_id"]: row for row in rows.collect()}


def test_a_week_without_a_sale_counts_as_none_sold_from_the_first_sale_on(published) -> None:
    rows = promotions(
        published,
        # Ten weeks on sale: four promoted with 6, 0, 2 and 4 pieces, six others with 3 in all.
        *(week(1, 9, 2), on_sale(1, 8, 6), on_sale(1, 7, 0), on_sale(1, 6, 2)),
        *(on_sale(1, 5, 4), week(1, 1, 1)),
        # Promoted before it was ever sold: no fault of the promotion.
        on_sale(1, 20, 0),
        # Three promoted weeks are too few; so are three others.
        *(week(2, 40, 1), on_sale(2, 3, 5), on_sale(2, 2, 5), on_sale(2, 1, 5)),
        *(week(3, 6, 1), *(on_sale(3, ago, 5) for ago in (5, 4, 3, 2))),
        # Sold only when promoted: there is nothing to compare with.
        *(on_sale(4, ago, 5) for ago in (30, 20, 10, 0)),
        # Fuel counts no pieces.
        *(week(5, 30, None, baskets=1), *(on_sale(5, ago, None) for ago in (9, 8, 7, 6))),
        # First sold in the week before the year: the whole year counts.
        *(week(6, 52, 9), week(6, 51, 48), *(on_sale(6, ago, 2) for ago in (4, 3, 2, 1))),
    )
    uplifts = {number: row["promotion_uplift"] for number, row in rows.items()}
    assert uplifts == {
        1: 12 / 4 / (3 / 6) - 1,
        2: None,
        3: None,
        4: None,
        5: None,
        6: 8 / 4 / (48 / 48) - 1,
        7: None,
    }
    assert rows[1]["promotion_weeks_364d"] == 5


def test_a_week_in_which_the_data_begins_is_not_compared(published) -> None:
    weeks = [
        week(1, 9, 100),
        *(on_sale(1, ago, 2) for ago in (8, 7, 6, 5)),
        *(week(1, ago, 1) for ago in (4, 3, 2, 1, 0)),
    ]
    # A Wednesday: of the week nine weeks ago the data holds five days.
    wednesday = MONDAY - timedelta(weeks=9) + timedelta(days=2)
    rows = promotions(published, *weeks, data_begins=wednesday)
    assert rows[1]["promotion_uplift"] == 2 / 1 - 1


def test_weeks_are_counted_by_where_the_product_was_shown(published) -> None:
    shown = {"is_promoted": True, "stores_promoted": 3}
    rows = promotions(
        published,
        week(1, 0, 0, stores_on_display=3, **shown),
        week(1, 1, 0, stores_in_mailer=3, **shown),
        week(1, 51, 0, stores_in_mailer=2, stores_on_display=1, **shown),
        week(1, 52, 0, stores_in_mailer=3, **shown),
        week(1, 2, 5),
    )
    names = ("promotion_weeks_364d", "display_weeks_364d", "mailer_weeks_364d")
    assert tuple(rows[1][name] for name in names) == (3, 2, 2)
    assert tuple(rows[2][name] for name in names) == (0, 0, 0)


def test_the_depth_is_the_share_of_the_shelf_value_that_was_taken_off_in_a_quarter(
    published,
) -> None:
    def sold(product: int, weeks_ago: int, shelf: str, paid: str) -> dict[str, Any]:
        money = {"shelf_value": Decimal(shelf), "revenue": Decimal(paid)}
        return week(product, weeks_ago, 1, **money)

    rows = promotions(
        published,
        sold(1, 0, "10.00", "7.00"),
        sold(1, 12, "2.00", "2.00"),
        sold(1, 13, "10.00", "0.00"),
        sold(2, 0, "0.00", "0.00"),
    )
    assert {number: row["discount_depth_91d"] for number, row in rows.items()} == {
        1: 0.25,
        **dict.fromkeys(range(2, 8)),
    }
