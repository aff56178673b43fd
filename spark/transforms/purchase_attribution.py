"""What led to each sale, as far as it is known: coupons, visits to the web shop, campaigns.

Three questions are asked of each sales line on its own, and what comes last gets the credit: a
coupon that was used says so itself; a visit that ended in the receipt was there; of an earlier
visit and a campaign, whichever began later.

The hazard is size: a campaign offers thousands of products to a thousand households. So the lines
of the households that it was sent to come first, and only they are looked up in what it offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.tables.curated import PURCHASE_ATTRIBUTION
from spark.tables.curated.interaction import OFFER, REDEMPTION, TARGET
from spark.tables.curated.item_funnel import CAMPAIGN, COUPON, EARLIER_VISIT, VISIT
from spark.transforms.item_visits import buying_visits, item_visits

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

LINE = ("basket_id", "product_id")
# A visit that was longer ago led to nothing.
VISIT_DAYS = 7


def purchase_attribution(
    lines: DataFrame,
    events: DataFrame,
    sessions: DataFrame,
    interactions: DataFrame,
    as_of: date,
) -> DataFrame:
    """Rows of `curated.purchase_attribution`: every sales line that anything led to.

    Args:
        lines: `curated.sales_line`.
        events: `curated.click_event`.
        sessions: `curated.click_session`.
        interactions: `curated.interaction`.
        as_of: last day that counts.
    """
    sold = lines.where(F.col("business_date") <= F.lit(as_of)).select(
        *LINE, "household_id", "business_date", "sales_value"
    )
    visits = item_visits(events, sessions, as_of)
    joined = sold
    for led in (
        _coupons(sold, interactions),
        _bought_in(buying_visits(events, sessions, as_of)),
        _earlier_visits(sold, visits),
        _campaigns(sold, interactions),
    ):
        # The few lines that something led to stand on the left, which the engine keeps in memory.
        joined = led.join(joined, on=list(LINE), how="right")
    credited = joined.select("*", _credit().alias("attributed_to"))
    return credited.where(F.col("attributed_to").isNotNull()).select(
        *(_told(each.name, each.type) for each in PURCHASE_ATTRIBUTION.columns)
    )


def _coupons(sold: DataFrame, interactions: DataFrame) -> DataFrame:
    """Coupons good for the product that its household used on the day of sale."""
    used = interactions.where(F.col("interaction_type") == REDEMPTION).select(
        "interaction_id",
        "campaign_id",
        "coupon_upc",
        "household_id",
        F.col("interaction_date").alias("business_date"),
    )
    good_for = (
        interactions.where(F.col("interaction_type") == OFFER)
        .select("campaign_id", "coupon_upc", "product_id")
        .distinct()
    )
    that_day = used.join(sold, on=["household_id", "business_date"], how="inner")
    return (
        that_day.join(good_for, on=["campaign_id", "coupon_upc", "product_id"], how="inner")
        .groupBy(*LINE)
        .agg(F.count_distinct("interaction_id").alias("coupons_used"))
    )


def _bought_in(bought: DataFrame) -> DataFrame:
    """The visit that bought the product and ended in the receipt; the least id of several."""
    receipts = bought.where(F.col("basket_id").isNotNull())
    return receipts.groupBy(*LINE).agg(F.min("session_id").alias("session_id"))


def _earlier_visits(sold: DataFrame, visits: DataFrame) -> DataFrame:
    """Visits of the household in the days before that touched the product, but bought nothing."""
    known = F.col("household_id").isNotNull() & (F.col("is_viewed") | F.col("is_carted"))
    looked = visits.where(known).select("household_id", "product_id", "session_id", "session_date")
    met = looked.join(sold, on=["household_id", "product_id"], how="inner")
    before = F.datediff("business_date", "session_date").between(1, VISIT_DAYS)
    return (
        met.where(before)
        .groupBy(*LINE)
        .agg(
            F.count_distinct("session_id").alias("earlier_visits_7d"),
            F.min("session_date").alias("first_visit_date"),
            F.max("session_date").alias("last_visit_date"),
        )
    )


def _campaigns(sold: DataFrame, interactions: DataFrame) -> DataFrame:
    """Campaigns valid that day that were sent to the household and offered the product."""
    sent = (
        interactions.where(F.col("interaction_type") == TARGET)
        .select("campaign_id", "household_id", "campaign_start_date", "campaign_end_date")
        .distinct()
    )
    offered = (
        interactions.where(F.col("interaction_type") == OFFER)
        .select("campaign_id", "product_id")
        .distinct()
    )
    day = F.col("business_date")
    valid = (day >= F.col("campaign_start_date")) & (day <= F.col("campaign_end_date"))
    began = F.struct("campaign_start_date", "campaign_id")
    return (
        sent.join(sold, on="household_id", how="inner")
        .where(valid)
        .join(offered, on=["campaign_id", "product_id"], how="inner")
        .groupBy(*LINE)
        .agg(F.count_distinct("campaign_id").alias("campaigns"), F.max(began).alias("latest"))
        .select(
            *LINE,
            "campaigns",
            F.col("latest.campaign_id").alias("campaign_id"),
            F.col("latest.campaign_start_date").alias("campaign_start_date"),
        )
    )


def _credit() -> Column:
    """What came last; null where nothing is known to have led there."""
    visited, began = F.col("last_visit_date"), F.col("campaign_start_date")
    return (
        F.when(F.col("coupons_used") > 0, COUPON)
        .when(F.col("session_id").isNotNull(), VISIT)
        .when(visited.isNotNull() & (began.isNull() | (visited >= began)), EARLIER_VISIT)
        .when(began.isNotNull(), CAMPAIGN)
    )


def _told(name: str, kind: str) -> Column:
    counts = ("coupons_used", "earlier_visits_7d", "campaigns")
    value = F.coalesce(F.col(name), F.lit(0)) if name in counts else F.col(name)
    return value.cast(kind).alias(name)
