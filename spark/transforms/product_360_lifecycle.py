"""Where each product is in its life: when it was first and last sold, and which way it goes.

The hazard is the edge of the data: whatever was sold before the first delivery is not known, so a
product of old looks new in the quarter in which the data begins.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.business_week import WEEKS_OF_YEAR, closed_weeks
from spark.transforms.counting import or_zero, sum_if

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

QUARTER_DAYS = 91


def with_lifecycle(rows: DataFrame, lines: DataFrame, weeks: DataFrame, as_of: date) -> DataFrame:
    """Products with the dates of their first and last sale, weeks sold, and stage.

    Args:
        rows: products.
        lines: `curated.sales_line`.
        weeks: `curated.product_week`.
        as_of: last business day that counts.
    """
    sold_weeks = (
        closed_weeks(weeks, as_of, WEEKS_OF_YEAR)
        .where(F.col("baskets") > 0)
        .groupBy("product_id")
        .agg(F.count(F.lit(1)).alias("weeks_sold_364d"))
    )
    joined = rows
    for told in (_lives(lines, as_of), revenue_by_quarter(lines, as_of), sold_weeks):
        joined = joined.join(told, on="product_id", how="left")
    return joined.withColumns(
        {
            "days_since_last_sale": F.datediff(F.lit(as_of), "last_sale_date"),
            "weeks_sold_364d": or_zero("weeks_sold_364d"),
            "lifecycle_stage": _stage(as_of),
        }
    ).drop("revenue_now", "revenue_before")


def _lives(lines: DataFrame, as_of: date) -> DataFrame:
    """First and last sale of each product ever sold: the one thing that all of history says."""
    day = F.col("business_date")
    return (
        lines.where(day <= F.lit(as_of))
        .groupBy("product_id")
        .agg(F.min(day).alias("first_sale_date"), F.max(day).alias("last_sale_date"))
    )


def revenue_by_quarter(lines: DataFrame, as_of: date) -> DataFrame:
    """Revenue of the last quarter and of the one before, of the products sold in either."""
    day, revenue = F.col("business_date"), F.col("sales_value")
    quarter_before, half_before = (
        F.lit(as_of - timedelta(days=quarters * QUARTER_DAYS)) for quarters in (1, 2)
    )
    return (
        lines.where((day > half_before) & (day <= F.lit(as_of)))
        .groupBy("product_id")
        .agg(
            sum_if(day > quarter_before, revenue).alias("revenue_now"),
            sum_if(day <= quarter_before, revenue).alias("revenue_before"),
        )
    )


def _stage(as_of: date) -> Column:
    """The stage's name; compared in whole cents, so that a quarter above is exactly that."""
    began = F.lit(as_of - timedelta(days=QUARTER_DAYS))
    now = F.coalesce(F.col("revenue_now"), F.lit(0))
    before = F.coalesce(F.col("revenue_before"), F.lit(0))
    return (
        F.when(F.col("first_sale_date").isNull(), "never_sold")
        .when(F.col("first_sale_date") > began, "new")
        .when(F.col("last_sale_date") <= began, "dormant")
        .when((now > before) & (now * 4 >= before * 5), "growing")
        .when((now < before) & (now * 5 <= before * 4), "declining")
        .otherwise("stable")
    )
