"""What each household did: bought, visited, was sent and used.

Each source is summed up by household on its own and joined once. A household of which a source
tells nothing did nothing there: its counts are zero and its dates null.

The hazard is the score: households that are equal must score alike, and the order of equals is
nobody's. So a score goes by how many households are before, and not by a place among equals.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from spark.tables.curated import CUSTOMER_ACTIVITY
from spark.tables.curated.interaction import REDEMPTION, TARGET
from spark.transforms.counting import ratio, sum_if

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import Column, DataFrame

QUARTER_DAYS, YEAR_DAYS = 91, 364
SCORES = 5


def customer_activity(
    customers: DataFrame,
    lines: DataFrame,
    sessions: DataFrame,
    interactions: DataFrame,
    as_of: date,
) -> DataFrame:
    """Rows of `curated.customer_activity`: every household, whatever it did.

    Args:
        customers: `curated.customer`.
        lines: `curated.sales_line`.
        sessions: `curated.click_session`.
        interactions: `curated.interaction`.
        as_of: last business day that counts.
    """
    visits = sessions.where(~F.col("is_bot") & (F.col("session_date") <= F.lit(as_of)))
    joined = customers.select("household_id")
    for told in (
        _bought(lines, visits, as_of),
        _visited(visits, as_of),
        _sent(interactions, as_of),
        _used(interactions, as_of),
    ):
        joined = joined.join(told, on="household_id", how="left")
    judged = joined.select("*", F.lit(as_of).alias("as_of_date"), *_judgements(as_of))
    scored = judged.select("*", *_scores())
    return scored.select(*(_told(each.name, each.type) for each in CUSTOMER_ACTIVITY.columns))


def _since(day: str, as_of: date, days: int) -> Column:
    """Whether a day is one of the last `days` that end with `as_of`."""
    return F.col(day) > F.lit(as_of - timedelta(days=days))


def _bought(lines: DataFrame, visits: DataFrame, as_of: date) -> DataFrame:
    """Receipts, money, days, stores and products of each household."""
    known = _with_online(lines.where(F.col("business_date") <= F.lit(as_of)), visits)
    year, quarter = (_since("business_date", as_of, days) for days in (YEAR_DAYS, QUARTER_DAYS))
    value = F.coalesce(F.col("sales_value"), F.lit(0).cast("decimal(12,2)"))
    card, match = (
        F.coalesce(F.col(name), F.lit(0).cast("decimal(12,2)"))
        for name in ("retail_discount", "coupon_match_discount")
    )
    return known.groupBy("household_id").agg(
        F.min("business_date").alias("first_purchase_date"),
        F.max("business_date").alias("last_purchase_date"),
        _distinct(quarter, "basket_id").alias("baskets_91d"),
        sum_if(quarter, value).alias("revenue_91d"),
        _distinct(year, "basket_id").alias("baskets_364d"),
        sum_if(year, value).alias("revenue_364d"),
        sum_if(year, value + card + match).alias("shelf_value"),
        _distinct(year, "business_date").alias("shopping_days_364d"),
        _distinct(year, "store_id").alias("stores_364d"),
        _distinct(year, "product_id").alias("products_364d"),
        _distinct(year & F.coalesce("is_online", F.lit(False)), "basket_id").alias(
            "online_baskets_364d"
        ),
    )


def _with_online(lines: DataFrame, visits: DataFrame) -> DataFrame:
    """The lines, and whether a visit ended in their receipt."""
    ended_in = visits.where(F.col("basket_id").isNotNull()).select("basket_id").distinct()
    # The few receipts stand on the left, which the engine keeps in memory.
    online = ended_in.select("basket_id", F.lit(True).alias("is_online"))
    return online.join(lines, on="basket_id", how="right")


def _distinct(condition: Column, name: str) -> Column:
    return F.count_distinct(F.when(condition, F.col(name)))


def _visited(visits: DataFrame, as_of: date) -> DataFrame:
    signed_in = visits.where(F.col("household_id").isNotNull())
    return signed_in.groupBy("household_id").agg(
        F.count(F.when(_since("session_date", as_of, QUARTER_DAYS), 1)).alias("visits_91d"),
        F.count(F.when(_since("session_date", as_of, YEAR_DAYS), 1)).alias("visits_364d"),
        F.max("session_date").alias("last_visit_date"),
    )


def _sent(interactions: DataFrame, as_of: date) -> DataFrame:
    valid = (F.col("campaign_start_date") <= F.lit(as_of)) & _since(
        "campaign_end_date", as_of, YEAR_DAYS
    )
    sent = interactions.where((F.col("interaction_type") == TARGET) & valid)
    return sent.groupBy("household_id").agg(F.count_distinct("campaign_id").alias("campaigns_364d"))


def _used(interactions: DataFrame, as_of: date) -> DataFrame:
    day = F.col("interaction_date")
    used = interactions.where(
        (F.col("interaction_type") == REDEMPTION)
        & (day <= F.lit(as_of))
        & _since("interaction_date", as_of, YEAR_DAYS)
    )
    return used.groupBy("household_id").agg(F.count(F.lit(1)).alias("coupons_used_364d"))


def _judgements(as_of: date) -> Iterator[Column]:
    """What follows from the counts of one household."""
    began = F.lit(as_of - timedelta(days=QUARTER_DAYS))
    first, last = F.col("first_purchase_date"), F.col("last_purchase_date")
    baskets = F.coalesce(F.col("baskets_364d"), F.lit(0))
    online = F.coalesce(F.col("online_baskets_364d"), F.lit(0))
    yield F.datediff(F.lit(as_of), last).alias("days_since_last_purchase")
    yield (
        F.when(first.isNull(), "never_bought")
        .when(first > began, "new")
        .when(last <= began, "lapsed")
        .otherwise("active")
        .alias("activity_stage")
    )
    yield ratio(F.col("revenue_364d"), baskets).alias("basket_value_364d")
    taken_off = F.col("shelf_value") - F.col("revenue_364d")
    yield ratio(taken_off, F.col("shelf_value")).alias("discount_share_364d")
    yield (
        F.when(baskets == 0, "none")
        .when(online == 0, "store")
        .when(online < baskets, "both")
        .otherwise("web")
        .alias("channels_364d")
    )


def _scores() -> Iterator[Column]:
    """1 to 5 among the households that ever bought, by how many of them are less."""
    for name, of in (
        ("recency_score", F.col("last_purchase_date")),
        ("frequency_score", F.coalesce(F.col("baskets_364d"), F.lit(0))),
        ("monetary_score", F.coalesce(F.col("revenue_364d"), F.lit(0))),
    ):
        bought = F.col("last_purchase_date").isNotNull()
        buyers = Window.partitionBy(bought)
        all_of_them = buyers.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
        place = F.rank().over(buyers.orderBy(of)).cast("bigint") - F.lit(1)
        share = F.floor(place * F.lit(SCORES) / F.count(F.lit(1)).over(all_of_them))
        yield F.when(bought, share + F.lit(1)).cast("int").alias(name)


def _told(name: str, kind: str) -> Column:
    """A column as its type; zero where no source tells of a count or an amount."""
    column = CUSTOMER_ACTIVITY.column(name)
    is_amount = not column.nullable and kind in ("bigint", "decimal(18,2)")
    value = F.coalesce(F.col(name), F.lit(0)) if is_amount and name not in _KEY else F.col(name)
    return value.cast(kind).alias(name)


_KEY = frozenset(CUSTOMER_ACTIVITY.key)
