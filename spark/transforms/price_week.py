"""Weekly prices: what the newest delivery says that a product cost in a business week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.at_hand import at_hand
from spark.transforms.business_week import week_start
from spark.transforms.fold import committed_on_delivery, in_order, latest_changes, standing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ["product_id", "week_start"]
DELIVERED = ["week", "_landing_date"]


def price_weeks(prices: DataFrame) -> DataFrame:
    """Rows of `curated.price_week`.

    Args:
        prices: clean rows of the weekly price files.
    """
    return standing(latest_changes(dated_prices(prices), KEY)).select(
        "product_id",
        "week_start",
        F.col("week").alias("business_week"),
        "shelf_price",
        "loyalty_price",
        F.col("lines").alias("price_lines"),
        "_batch_id",
        "_change_order",
    )


def dated_prices(prices: DataFrame) -> DataFrame:
    """Rows of the price files with the Monday of their week as `week_start`, in order of delivery.

    Runs a query at once: the Monday is told of each delivered week, and not of each of its rows.

    Args:
        prices: clean rows of the weekly price files.
    """
    monday = week_start(F.col("week"), F.col("_landing_date")).alias("week_start")
    weeks = at_hand(prices.select(*DELIVERED).distinct().select(*DELIVERED, monday))
    # The few weeks stand on the left: of an outer join, that is the side Sail keeps in memory.
    dated = F.broadcast(weeks).join(prices, on=DELIVERED, how="right")
    return in_order(committed_on_delivery(dated.select(*prices.columns, "week_start")))
