"""From views to purchases in the web shop, over the last thirteen closed weeks."""

from __future__ import annotations

from datetime import date
from typing import Any

from spark.tables.curated import PRODUCT, PRODUCT_WEEK
from spark.transforms.product_360_funnel import with_funnel


def week(product: int, monday: date, views: int, added: int, bought: int) -> dict[str, Any]:
    steps = {"views": views, "cart_additions": added, "online_purchases": bought}
    return {"product_id": product, "week_start": monday, **steps}


def test_steps_are_summed_over_the_quarter_and_rates_need_something_to_be_rates_of(
    published,
) -> None:
    weeks = published(
        PRODUCT_WEEK,
        week(1, date(2017, 12, 18), 6, 2, 1),
        week(1, date(2017, 9, 25), 2, 0, 0),
        # Thirteen weeks before the end of the last closed one begins on 25 September.
        week(1, date(2017, 9, 18), 100, 100, 100),
        week(2, date(2017, 12, 18), 5, 0, 0),
        week(3, date(2017, 12, 18), 0, 4, 4),
    )
    products = published(PRODUCT, *({"product_id": number} for number in (1, 2, 3, 4)))
    # A Saturday: the week that it lies in is not over.
    rows = with_funnel(products, weeks, date(2017, 12, 30)).collect()
    assert {row["product_id"]: tuple(row)[-5:] for row in rows} == {
        1: (8, 2, 1, 0.25, 0.5),
        2: (5, 0, 0, 0.0, None),
        3: (0, 4, 4, None, 1.0),
        4: (0, 0, 0, None, None),
    }
