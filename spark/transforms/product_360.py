"""Each product as of one day: its attributes, first and last sale, and four trailing windows.

A line's key is (receipt, product), so a product's lines are its receipts and nothing needs a
distinct count: sums by product and household, then by product, give every number in two steps.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import Column, DataFrame

ATTRIBUTES = (
    "product_id",
    "manufacturer_id",
    "department",
    "product_category",
    "product_type",
    "brand",
    "package_size",
    "is_fuel",
    "is_unknown_member",
)


def product_360(
    products: DataFrame, lines: DataFrame, as_of: date, windows: Sequence[int]
) -> DataFrame:
    """Rows of `curated.product_360`: every product, whether it was sold or not.

    Args:
        products: `curated.product`.
        lines: `curated.sales_line`.
        as_of: last business day that counts; a window of 7 days begins six days before it.
        windows: lengths of the trailing windows, in days.
    """
    known = lines.where(F.col("business_date") <= F.lit(as_of))
    sold = (
        _by_household(known, as_of, windows)
        .groupBy("product_id")
        .agg(
            F.min("first_sale").alias("first_sale_date"),
            F.max("last_sale").alias("last_sale_date"),
            *(column for days in windows for column in _window_totals(days)),
        )
    )
    return products.join(sold, on="product_id", how="left").select(
        *ATTRIBUTES,
        F.lit(as_of).alias("as_of_date"),
        "first_sale_date",
        "last_sale_date",
        *(column for days in windows for column in _window_columns(days)),
    )


def _by_household(lines: DataFrame, as_of: date, windows: Sequence[int]) -> DataFrame:
    """Sums by product and household: units, revenue and receipts of each window."""
    sums = []
    for days in windows:
        inside = F.col("business_date") > F.lit(as_of - timedelta(days=days))
        sums += [
            # Summed in decimal: a bigint sum would wrap silently on one of the engines.
            F.sum(F.when(inside, F.col("units").cast("decimal(20,0)"))).alias(f"units_{days}"),
            F.sum(F.when(inside, F.col("sales_value"))).alias(f"revenue_{days}"),
            F.sum(F.when(inside, F.lit(1)).otherwise(F.lit(0))).alias(f"baskets_{days}"),
        ]
    return lines.groupBy("product_id", "household_id").agg(
        F.min("business_date").alias("first_sale"),
        F.max("business_date").alias("last_sale"),
        *sums,
    )


def _window_totals(days: int) -> Iterator[Column]:
    visits = F.col(f"baskets_{days}")
    known = F.col("household_id").isNotNull()
    yield F.sum(f"units_{days}").alias(f"units_{days}")
    yield F.sum(f"revenue_{days}").alias(f"revenue_{days}")
    yield F.sum(visits).alias(f"baskets_{days}")
    yield _count_if(known & (visits > 0)).alias(f"households_{days}")
    yield _count_if(known & (visits > 1)).alias(f"repeaters_{days}")


def _window_columns(days: int) -> Iterator[Column]:
    zero = F.lit(0).cast("bigint")
    households = F.coalesce(F.col(f"households_{days}").cast("bigint"), zero)
    units = F.coalesce(F.col(f"units_{days}").cast("bigint"), zero)
    yield F.when(~F.col("is_fuel"), units).alias(f"units_{days}d")
    revenue = F.coalesce(F.col(f"revenue_{days}"), F.lit(0))
    yield revenue.cast("decimal(18,2)").alias(f"revenue_{days}d")
    yield F.coalesce(F.col(f"baskets_{days}").cast("bigint"), zero).alias(f"baskets_{days}d")
    yield households.alias(f"households_{days}d")
    rate = F.col(f"repeaters_{days}").cast("double") / households.cast("double")
    yield F.when(households > 0, rate).alias(f"repeat_rate_{days}d")


def _count_if(condition: Column) -> Column:
    return F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0)))
