"""Weekly promotions: one row for each product, store and week, whatever number of displays it had.

A delivery says all there is to say of a product in a store and week, in as many rows as it had
places. So rows of one delivery are combined, and a later delivery replaces all of an earlier one's.
The hazard is the size: of twenty million keys a few thousand have a second row, and only those are
grouped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from spark.at_hand import at_hand
from spark.transforms.business_week import week_start
from spark.transforms.fold import change_order
from spark.transforms.repetition import split_by_repetition

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

KEY = ["product_id", "store_id", "week_start"]
DELIVERED = ["week", "_landing_date", "_epoch"]
# The code by which a row says that the product was in no such place.
NOWHERE = "0"


def promotion_weeks(promotions: DataFrame) -> DataFrame:
    """Rows of `curated.promotion_week`.

    Args:
        promotions: clean rows of the weekly promotion files.
    """
    # The few weeks stand on the left: of an outer join, that is the side Sail keeps in memory.
    weeks = F.broadcast(at_hand(_delivered_weeks(promotions)))
    placed = weeks.join(promotions, on=DELIVERED, how="right").select(
        *KEY,
        F.col("week").alias("business_week"),
        _place("display_location").alias("display_locations"),
        _place("mailer_location").alias("mailer_locations"),
        "_batch_id",
        "_change_order",
    )
    single, several = split_by_repetition(placed, key=KEY)
    return single.unionByName(_newest_combined(several)).select(
        *KEY,
        "business_week",
        F.col("display_locations").isNotNull().alias("is_on_display"),
        F.col("mailer_locations").isNotNull().alias("is_in_mailer"),
        "display_locations",
        "mailer_locations",
        "_batch_id",
        "_change_order",
    )


def _delivered_weeks(promotions: DataFrame) -> DataFrame:
    """The Monday and the place in history of each delivered week: for all its rows at once."""
    weeks = promotions.select(*DELIVERED).distinct()
    # A delivery is ordered as a whole, whatever its rows say of themselves.
    whole = weeks.select(
        "*",
        F.col("_landing_date").cast("timestamp").alias("_committed_at"),
        F.lit(None).cast("string").alias("_change_sequence"),
    )
    return whole.select(
        *DELIVERED,
        week_start(F.col("week"), F.col("_landing_date")).alias("week_start"),
        change_order().alias("_change_order"),
    )


def _place(code: str) -> Column:
    return F.when(F.col(code) != F.lit(NOWHERE), F.col(code))


def _newest_combined(rows: DataFrame) -> DataFrame:
    """One row per key: all places that its newest delivery names."""
    newest = Window.partitionBy(*KEY).rowsBetween(
        Window.unboundedPreceding, Window.unboundedFollowing
    )
    standing = rows.withColumn("_newest", F.max("_change_order").over(newest)).where(
        F.col("_change_order") == F.col("_newest")
    )
    return standing.groupBy(*KEY).agg(
        F.max("business_week").alias("business_week"),
        _all_of("display_locations"),
        _all_of("mailer_locations"),
        # Parts of one delivery; which of them is named does not change a value.
        F.min("_batch_id").alias("_batch_id"),
        F.max("_change_order").alias("_change_order"),
    )


def _all_of(places: str) -> Column:
    """The codes in order, joined by +; null when there are none."""
    codes = F.concat_ws("+", F.sort_array(F.collect_set(places)))
    return F.when(codes != F.lit(""), codes).alias(places)
