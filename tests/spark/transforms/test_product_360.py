"""Every product has one complete row, whatever is known of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from spark.tables.curated import INTERACTION, PRODUCT, PRODUCT_360, PRODUCT_WEEK, SALES_LINE
from spark.transforms.product_360 import product_360

AS_OF = date(2017, 12, 31)


def test_a_product_of_which_nothing_is_known_has_a_row_of_zeros(published) -> None:
    line = {"product_id": 1, "business_date": AS_OF, "sales_value": Decimal("2.00"), "quantity": 1}
    sold = {"product_id": 1, "week_start": date(2017, 12, 25), "baskets": 1}
    rows = product_360(
        published(PRODUCT, {"product_id": 1}, {"product_id": 2, "package_size": "12 OZ"}),
        published(SALES_LINE, {**line, "units": 1, "basket_id": 1, "household_id": 7}),
        published(PRODUCT_WEEK, {**sold, "revenue": Decimal("2.00")}),
        published(INTERACTION),
        AS_OF,
        [7, 28, 91, 364],
    )
    assert rows.dtypes == [(column.name, column.type) for column in PRODUCT_360.columns]
    known, unknown = sorted(rows.collect(), key=lambda row: row["product_id"])
    assert (known["revenue_7d"], known["weeks_sold_364d"], known["lifecycle_stage"]) == (
        Decimal("2.00"),
        1,
        "new",
    )
    told = {name: value for name, value in unknown.asDict().items() if value not in (None, 0)}
    assert told == {
        "product_id": 2,
        "package_size": "12 OZ",
        "as_of_date": AS_OF,
        "lifecycle_stage": "never_sold",
        "quality_flags": "no_category",
        "quality_flag_count": 1,
    }
