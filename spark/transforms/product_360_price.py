"""What each product costs now, how often that changed, and how it compares with its category.

The hazard is "now": a price is known only of weeks in which the product was sold, so the latest
one may be old. `priced_week` says how old, and a quality flag says when it is too old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from spark.transforms.business_week import WEEKS_OF_YEAR, first_of_closed_weeks
from spark.transforms.counting import count_if, or_zero, ratio

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame


def with_price(rows: DataFrame, weeks: DataFrame, as_of: date) -> DataFrame:
    """Products with their latest prices and price changes.

    Args:
        rows: products.
        weeks: `curated.product_week`.
        as_of: last business day that counts.
    """
    priced = rows.join(_latest_prices(weeks, as_of), on="product_id", how="left")
    return priced.withColumn("price_changes_364d", or_zero("price_changes_364d"))


def with_category_index(rows: DataFrame) -> DataFrame:
    """Products with what their price is within their category; every product must be among them."""
    return rows.withColumn("category_price_index", _category_index())


def _latest_prices(weeks: DataFrame, as_of: date) -> DataFrame:
    """The prices of each product's last priced week, and how often they changed in a year."""
    price, week = F.col("shelf_price"), F.col("week_start")
    in_order = Window.partitionBy("product_id").orderBy("week_start")
    history = weeks.where(price.isNotNull()).select(
        "product_id",
        week,
        price,
        "loyalty_price",
        F.lag("shelf_price").over(in_order).alias("price_before"),
        F.lead("week_start").over(in_order).isNull().alias("is_latest"),
    )
    in_the_year = week >= F.lit(first_of_closed_weeks(as_of, WEEKS_OF_YEAR))
    return history.groupBy("product_id").agg(
        F.max(F.when(F.col("is_latest"), price)).alias("shelf_price"),
        F.max(F.when(F.col("is_latest"), F.col("loyalty_price"))).alias("loyalty_price"),
        F.max(week).alias("priced_week"),
        count_if(in_the_year & (price != F.col("price_before"))).alias("price_changes_364d"),
    )


def _category_index() -> Column:
    """Shelf price over the mean of its category, with one division of exact numbers."""
    category = Window.partitionBy("department", "product_category").rowsBetween(
        Window.unboundedPreceding, Window.unboundedFollowing
    )
    price = F.col("shelf_price")
    products = F.count(price).over(category)
    index = ratio(price * products, F.sum(price).over(category))
    return F.when(F.col("product_category").isNotNull(), index)
