"""Weekly prices: what the newest delivery says that a product cost in a business week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.business_week import week_start
from spark.transforms.fold import committed_on_delivery, latest_changes, standing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ["product_id", "week_start"]


def price_weeks(prices: DataFrame) -> DataFrame:
    """Rows of `curated.price_week`.

    Args:
        prices: clean rows of the weekly price files.
    """
    dated = committed_on_delivery(prices).withColumn(
        "week_start", week_start(F.col("week"), F.col("_landing_date"))
    )
    return standing(latest_changes(dated, KEY)).select(
        "product_id",
        "week_start",
        F.col("week").alias("business_week"),
        "shelf_price",
        "loyalty_price",
        F.col("lines").alias("price_lines"),
        "_batch_id",
        "_change_order",
    )
