"""Each product as of one day: what every subject says of it, side by side.

Each subject is a module of its own that adds its columns to the products; every product keeps
exactly one row, whether anything is known of it or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.tables.curated import PRODUCT_360
from spark.tables.curated.product import PRODUCT_ATTRIBUTES
from spark.transforms.product_360_campaign import with_campaigns
from spark.transforms.product_360_funnel import with_funnel
from spark.transforms.product_360_lifecycle import with_lifecycle
from spark.transforms.product_360_price import with_price
from spark.transforms.product_360_promotion import with_promotion
from spark.transforms.product_360_quality import with_quality
from spark.transforms.product_360_sales import with_sales

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pyspark.sql import DataFrame


def product_360(
    products: DataFrame,
    lines: DataFrame,
    weeks: DataFrame,
    interactions: DataFrame,
    as_of: date,
    windows: Sequence[int],
) -> DataFrame:
    """Rows of `curated.product_360`: every product, whether it was sold or not.

    Args:
        products: `curated.product`.
        lines: `curated.sales_line`.
        weeks: `curated.product_week`.
        interactions: `curated.interaction`.
        as_of: last business day that counts.
        windows: lengths of the trailing windows, in days.
    """
    attributes = (column.name for column in PRODUCT_ATTRIBUTES)
    rows = products.select(*attributes, F.lit(as_of).alias("as_of_date"))
    rows = with_price(rows, weeks, as_of)
    rows = with_lifecycle(rows, lines, weeks, as_of)
    rows = with_sales(rows, lines, as_of, windows)
    rows = with_promotion(rows, lines, weeks, as_of)
    rows = with_campaigns(rows, interactions, weeks, as_of)
    rows = with_funnel(rows, weeks, as_of)
    rows = with_quality(rows, lines, as_of)
    return rows.select(
        *(F.col(column.name).cast(column.type).alias(column.name) for column in PRODUCT_360.columns)
    )
