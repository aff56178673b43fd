"""Each product week by week: sales, prices, promotions, used coupons and clicks, side by side.

Each source is first summed up by product and week on its own; these few rows are then laid on top
of each other and merged in one step. Joining five sources would sort each of them again.

The hazard is the week that is not over: it would look like a fall in everything. Only weeks whose
Sunday is over count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.io import union
from spark.tables.curated import PRODUCT_WEEK
from spark.tables.curated.interaction import OFFER, REDEMPTION
from spark.transforms.business_week import last_closed_week, monday_of, number_of_week
from spark.transforms.counting import count_if, exact, or_zero

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pyspark.sql import Column, DataFrame, GroupedData

KEY = ("product_id", "week_start")
MEASURES = tuple(
    column
    for column in PRODUCT_WEEK.columns
    if column.name not in (*KEY, "business_week", "is_promoted")
)
PRICES = ("shelf_price", "loyalty_price")


def product_week(products: DataFrame, sources: Sequence[DataFrame], as_of: date) -> DataFrame:
    """Rows of `curated.product_week`: every product and closed week of which any source tells.

    Args:
        products: `curated.product`, which knows what is fuel.
        sources: what `sold`, `priced`, `promoted`, `redeemed` and `clicked` made.
        as_of: last business day that counts.
    """
    merged = (
        union([_with_every_measure(source) for source in sources])
        .where(F.col("week_start") <= F.lit(last_closed_week(as_of)))
        .groupBy(*KEY)
        # One source tells of one measure, in one row: the greatest is the only one.
        .agg(*(F.max(column.name).alias(column.name) for column in MEASURES))
    )
    fuel = products.select("product_id", "is_fuel")
    filled = merged.join(fuel, on="product_id", how="left")
    return filled.select(
        *(_said_of(each.name).cast(each.type).alias(each.name) for each in PRODUCT_WEEK.columns)
    )


def sold(lines: DataFrame) -> DataFrame:
    """Units, money, receipts, buyers and stores of each product and week.

    Args:
        lines: `curated.sales_line`.
    """
    nothing = F.lit(0).cast("decimal(12,2)")
    value, card, coupon, match = (
        F.coalesce(F.col(name), nothing)
        for name in ("sales_value", "retail_discount", "coupon_discount", "coupon_match_discount")
    )
    return _by_week(lines, F.col("business_date")).agg(
        F.sum(exact(F.col("units"))).alias("units"),
        F.sum(value).alias("revenue"),
        # A line's key is receipt and product, so a product's lines are its receipts.
        F.count(F.lit(1)).alias("baskets"),
        F.countDistinct("household_id").alias("households"),
        F.countDistinct("store_id").alias("stores"),
        F.sum(value + card + match).alias("shelf_value"),
        F.sum(coupon).alias("coupon_discount"),
    )


def priced(prices: DataFrame) -> DataFrame:
    """The prices of each product and week.

    Args:
        prices: `curated.price_week`.
    """
    return prices.select(*KEY, *PRICES)


def promoted(promotions: DataFrame) -> DataFrame:
    """In how many stores each product was displayed or mailed, by week.

    Args:
        promotions: `curated.promotion_week`; one row per product, store and week.
    """
    displayed, mailed = F.col("is_on_display"), F.col("is_in_mailer")
    return (
        promotions.where(displayed | mailed)
        .groupBy(*KEY)
        .agg(
            count_if(displayed).alias("stores_on_display"),
            count_if(mailed).alias("stores_in_mailer"),
            F.count(F.lit(1)).alias("stores_promoted"),
        )
    )


def redeemed(interactions: DataFrame, lines: DataFrame) -> DataFrame:
    """How many coupons good for a product were used by who bought it that local day, by week.

    A used coupon counts once for each such product, on however many receipts it is.

    Args:
        interactions: `curated.interaction`.
        lines: `curated.sales_line`.
    """
    used = interactions.where(F.col("interaction_type") == REDEMPTION).select(
        "interaction_id",
        "campaign_id",
        "coupon_upc",
        "household_id",
        F.col("interaction_date").alias("business_date"),
    )
    good_for = interactions.where(F.col("interaction_type") == OFFER).select(
        "campaign_id", "coupon_upc", "product_id"
    )
    bought = lines.select("household_id", "business_date", "product_id")
    # First the few receipts of those days: a coupon may be good for thousands of products.
    matched = (
        used.join(bought, on=["household_id", "business_date"], how="inner")
        .join(good_for, on=["campaign_id", "coupon_upc", "product_id"], how="inner")
        .select("interaction_id", "product_id", "business_date")
        .distinct()
    )
    return _by_week(matched, F.col("business_date")).agg(
        F.count(F.lit(1)).alias("coupon_redemptions")
    )


def clicked(events: DataFrame, sessions: DataFrame) -> DataFrame:
    """Views, cart additions and purchases in the web shop, by product and week.

    A bot's visits are told apart by their visitor and their time: visits of one visitor never
    overlap.

    Args:
        events: `curated.click_event`.
        sessions: `curated.click_session`, which knows what nobody can have clicked.
    """
    bots = sessions.where(F.col("is_bot")).select("visitor_id", "started_at", "ended_at").alias("b")
    by_bot = (
        (F.col("e.visitor_id") == F.col("b.visitor_id"))
        & (F.col("e.event_time") >= F.col("b.started_at"))
        & (F.col("e.event_time") <= F.col("b.ended_at"))
    )
    kind = F.col("event_type")
    steps = events.where(kind.isin("view", "add_to_cart", "purchase")).alias("e")
    by_people = steps.join(bots, on=by_bot, how="left_anti")
    return _by_week(by_people, F.col("event_date")).agg(
        count_if(kind == "view").alias("views"),
        count_if(kind == "add_to_cart").alias("cart_additions"),
        count_if(kind == "purchase").alias("online_purchases"),
    )


def _by_week(rows: DataFrame, day: Column) -> GroupedData:
    """Rows grouped by product and business week; those without either tell of neither."""
    known = rows.where(F.col("product_id").isNotNull() & day.isNotNull())
    return known.groupBy("product_id", monday_of(day).alias("week_start"))


def _said_of(name: str) -> Column:
    """What a column says of a merged week: zero where no source tells of it, but for prices."""
    if name == "business_week":
        return number_of_week(F.col("week_start"))
    if name == "units":
        return F.when(~F.coalesce(F.col("is_fuel"), F.lit(False)), or_zero(name))
    if name == "is_promoted":
        return or_zero("stores_promoted") > 0
    return F.col(name) if name in (*KEY, *PRICES) else or_zero(name)


def _with_every_measure(part: DataFrame) -> DataFrame:
    """A source's rows with all measures, in order; what it does not tell of is null."""
    told = set(part.columns)
    return part.select(
        # A computed column carries no description: one engine refuses to stack columns of two
        # tables that are described in different words.
        *(F.greatest(name, name).alias(name) for name in KEY),
        *(
            (F.col(column.name) if column.name in told else F.lit(None))
            .cast(column.type)
            .alias(column.name)
            for column in MEASURES
        ),
    )
