"""Which campaigns offered each product, and how many households they were sent to.

The hazard is size: a campaign offers thousands of products to a thousand households. Products that
were offered by the same campaigns reached the same households, so households are counted once for
each set of campaigns and not for each product.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.tables.curated.interaction import OFFER, TARGET
from spark.transforms.business_week import WEEKS_OF_YEAR, closed_weeks
from spark.transforms.counting import exact, or_zero

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

YEAR_DAYS = 364


def with_campaigns(
    rows: DataFrame, interactions: DataFrame, weeks: DataFrame, as_of: date
) -> DataFrame:
    """Products with campaigns, reach and used coupons of the last year.

    Args:
        rows: products.
        interactions: `curated.interaction`.
        weeks: `curated.product_week`.
        as_of: last business day that counts.
    """
    redeemed = (
        closed_weeks(weeks, as_of, WEEKS_OF_YEAR)
        .groupBy("product_id")
        .agg(F.sum(exact(F.col("coupon_redemptions"))).alias("coupon_redemptions_364d"))
    )
    offered = _offered(interactions, as_of)
    joined = (
        rows.join(offered, on="product_id", how="left")
        .join(_reach(offered, interactions), on="campaigns", how="left")
        .join(redeemed, on="product_id", how="left")
    )
    return joined.withColumns(
        {
            "campaigns_364d": F.coalesce(F.col("campaign_count"), F.lit(0)),
            "campaign_reach_364d": F.coalesce(F.col("reach"), F.lit(0)),
            "coupon_redemptions_364d": or_zero("coupon_redemptions_364d"),
        }
    ).drop("campaign_count", "campaigns", "reach")


def _offered(interactions: DataFrame, as_of: date) -> DataFrame:
    """The set of valid campaigns of each product offered, as text such as "08+13"."""
    valid = (F.col("campaign_start_date") <= F.lit(as_of)) & (
        F.col("campaign_end_date") > F.lit(as_of - timedelta(days=YEAR_DAYS))
    )
    offers = interactions.where((F.col("interaction_type") == OFFER) & valid)
    return (
        offers.groupBy("product_id")
        .agg(F.sort_array(F.collect_set(F.col("campaign_id").cast("string"))).alias("ids"))
        .select(
            "product_id",
            F.size("ids").alias("campaign_count"),
            F.concat_ws("+", "ids").alias("campaigns"),
        )
    )


def _reach(offered: DataFrame, interactions: DataFrame) -> DataFrame:
    """Households that any campaign of a set was sent to."""
    targets = interactions.where(F.col("interaction_type") == TARGET).select(
        F.col("campaign_id").cast("string").alias("campaign_id"), "household_id"
    )
    sets = offered.select("campaigns").distinct()
    return (
        sets.select("campaigns", F.explode(F.split("campaigns", r"\+")).alias("campaign_id"))
        .join(targets, on="campaign_id", how="inner")
        .groupBy("campaigns")
        .agg(F.countDistinct("household_id").alias("reach"))
    )
