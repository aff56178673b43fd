"""Units sold by product and week: what a forecaster learns from.

Weeks begin on Monday. Only whole weeks count: the week in which the data begins or ends would look
like a fall in demand. A week without a sale is a zero and not a gap, from the first sale on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.business_week import first_whole_week, last_closed_week, monday_of

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame


def weekly_demand(lines: DataFrame, as_of: date) -> DataFrame:
    """Rows of `forecast.weekly_demand`, from an item's first sale to the last whole week.

    Args:
        lines: `curated.sales_line`; lines that count no units do not count.
        as_of: last business day that counts.
    """
    last_monday = last_closed_week(as_of)
    counted = lines.where(F.col("units").isNotNull() & (F.col("business_date") <= F.lit(as_of)))
    weekly = counted.groupBy(
        F.col("product_id").cast("string").alias("item_id"),
        monday_of(F.col("business_date")).alias("week_start"),
    ).agg(F.sum(F.col("units").cast("decimal(20,0)")).cast("double").alias("demand"))
    begin = lines.agg(first_whole_week(F.min("business_date")).alias("first_monday"))
    weeks = _weeks(weekly, begin, last_monday)
    return weeks.join(weekly, on=["item_id", "week_start"], how="left").select(
        "item_id",
        "week_start",
        F.coalesce(F.col("demand"), F.lit(0.0)).alias("demand"),
    )


def _weeks(weekly: DataFrame, begin: DataFrame, last_monday: date) -> DataFrame:
    """Every item with every whole week from its first sale on."""
    items = weekly.groupBy("item_id").agg(F.min("week_start").alias("first_week"))
    ranged = items.crossJoin(begin).select(
        "item_id", F.greatest("first_week", "first_monday").alias("first_week")
    )
    return ranged.where(F.col("first_week") <= F.lit(last_monday)).select(
        "item_id",
        F.explode(
            F.sequence(F.col("first_week"), F.lit(last_monday), F.expr("INTERVAL 7 DAYS"))
        ).alias("week_start"),
    )
