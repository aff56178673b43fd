"""Stores as their tills and promotions show them: no source says what a store is."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COUNTS = ("trading_days", "baskets", "households", "products_sold", "promotion_weeks")


def stores(lines: DataFrame, promotions: DataFrame, as_of: date) -> DataFrame:
    """Rows of `curated.store`: every store with a sale or a promotion.

    Args:
        lines: `curated.sales_line`.
        promotions: `curated.promotion_week`; a week counts when it is over.
        as_of: last business day that counts.
    """
    counts = [F.coalesce(F.col(name), F.lit(0)).cast("bigint").alias(name) for name in COUNTS]
    sold, promoted = _sold(lines, as_of), _promoted(promotions, as_of)
    known = sold.join(promoted, on="store_id", how="full")
    return known.select("*", F.lit(as_of).alias("as_of_date")).select(
        "store_id",
        "as_of_date",
        "first_sale_date",
        "last_sale_date",
        *counts[:-1],
        F.coalesce("revenue", F.lit(0)).cast("decimal(18,2)").alias("revenue"),
        counts[-1],
        "first_promotion_week",
        F.col("promotion_weeks").isNotNull().alias("has_promotions"),
    )


def _sold(lines: DataFrame, as_of: date) -> DataFrame:
    known = lines.where((F.col("business_date") <= F.lit(as_of)) & F.col("store_id").isNotNull())
    return known.groupBy("store_id").agg(
        F.min("business_date").alias("first_sale_date"),
        F.max("business_date").alias("last_sale_date"),
        F.countDistinct("business_date").alias("trading_days"),
        F.countDistinct("basket_id").alias("baskets"),
        F.countDistinct("household_id").alias("households"),
        F.countDistinct("product_id").alias("products_sold"),
        F.sum("sales_value").alias("revenue"),
    )


def _promoted(promotions: DataFrame, as_of: date) -> DataFrame:
    over = promotions.where(F.date_add("week_start", 6) <= F.lit(as_of))
    return over.groupBy("store_id").agg(
        F.countDistinct("week_start").alias("promotion_weeks"),
        F.min("week_start").alias("first_promotion_week"),
    )
