"""What each product sold in trailing windows, and how many of its buyers came back for it.

A line's key is (receipt, product), so a product's lines are its receipts and nothing needs a
distinct count: sums by product and household, then by product, give every number in two steps.

The hazard is the years before: only lines of the longest window are read, by a bound on the day
that the table is partitioned by, so that a longer history costs nothing.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.counting import count_if, exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import Column, DataFrame


def with_sales(rows: DataFrame, lines: DataFrame, as_of: date, windows: Sequence[int]) -> DataFrame:
    """Products with units, revenue, receipts, buyers and repeat rate of each window.

    Args:
        rows: products; is_fuel says which ones count no units.
        lines: `curated.sales_line`.
        as_of: last business day that counts; a window of 7 days begins six days before it.
        windows: lengths of the trailing windows, in days.
    """
    begin = as_of - timedelta(days=max(windows))
    day = F.col("business_date")
    inside = lines.where((day > F.lit(begin)) & (day <= F.lit(as_of)))
    sold = (
        _by_household(inside, as_of, windows)
        .groupBy("product_id")
        .agg(*(column for days in windows for column in _window_totals(days)))
    )
    told = {name: column for days in windows for name, column in _window_columns(days)}
    helpers = (name for days in windows for name in _helpers(days))
    return rows.join(sold, on="product_id", how="left").withColumns(told).drop(*helpers)


def _by_household(lines: DataFrame, as_of: date, windows: Sequence[int]) -> DataFrame:
    """Sums by product and household: units, revenue and receipts of each window."""
    sums = []
    for days in windows:
        inside = F.col("business_date") > F.lit(as_of - timedelta(days=days))
        sums += [
            F.sum(F.when(inside, exact(F.col("units")))).alias(f"units_{days}"),
            F.sum(F.when(inside, F.col("sales_value"))).alias(f"revenue_{days}"),
            count_if(inside).alias(f"baskets_{days}"),
        ]
    return lines.groupBy("product_id", "household_id").agg(*sums)


def _window_totals(days: int) -> Iterator[Column]:
    visits = F.col(f"baskets_{days}")
    known = F.col("household_id").isNotNull()
    yield F.sum(f"units_{days}").alias(f"units_{days}")
    yield F.sum(f"revenue_{days}").alias(f"revenue_{days}")
    yield F.sum(visits).alias(f"baskets_{days}")
    yield count_if(known & (visits > 0)).alias(f"households_{days}")
    yield count_if(known & (visits > 1)).alias(f"repeaters_{days}")


def _helpers(days: int) -> Iterator[str]:
    for what in ("units", "revenue", "baskets", "households", "repeaters"):
        yield f"{what}_{days}"


def _window_columns(days: int) -> Iterator[tuple[str, Column]]:
    zero = F.lit(0).cast("bigint")
    households = F.coalesce(F.col(f"households_{days}").cast("bigint"), zero)
    units = F.coalesce(F.col(f"units_{days}").cast("bigint"), zero)
    yield f"units_{days}d", F.when(~F.col("is_fuel"), units)
    revenue = F.coalesce(F.col(f"revenue_{days}"), F.lit(0))
    yield f"revenue_{days}d", revenue.cast("decimal(18,2)")
    yield f"baskets_{days}d", F.coalesce(F.col(f"baskets_{days}").cast("bigint"), zero)
    yield f"households_{days}d", households
    rate = F.col(f"repeaters_{days}").cast("double") / households.cast("double")
    yield f"repeat_rate_{days}d", F.when(households > 0, rate)
