"""Click sessions: a visitor's events with no more than 30 minutes between one and the next.

The hazard is the order: events of a visit come in several files, late and mixed with others. So
visits are made anew from all events, by time alone, and a visit is known by its visitor and the
time of its first event. Later events make it longer and leave its id; an event between two visits
that joins them leaves the earlier one's id, as if it had come in time.

Times are compared as whole microseconds, because engines differ in how they subtract timestamps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

SECOND = 1_000_000  # microseconds
LONGEST_PAUSE = 30 * 60 * SECOND
# What nobody clicks: this many in one visit, or this many with less than a second between them.
MOST_CLICKS = 1_000
MOST_FAST_CLICKS = 30

_USED = (
    "visitor_id",
    "household_id",
    "event_type",
    "event_time",
    "event_date",
    "product_id",
    "basket_id",
    "is_synthetic",
)


def click_sessions(events: DataFrame, as_of: date) -> DataFrame:
    """Rows of `curated.click_session`: every visit, as far as it had come by the end of a day.

    Args:
        events: `curated.click_event`.
        as_of: last day that counts, in the shop's own time zone.
    """
    counted = events.where(F.col("event_date") <= F.lit(as_of))
    # A number for each visit of the shop's own count: millions of texts would fill the memory.
    used = counted.select(*_USED, F.xxhash64("source_session_id").alias("_source_session"))
    least, greatest = F.col("_least_household"), F.col("_greatest_household")
    return _visits(_with_first_event(used)).select(
        _session_id().alias("session_id"),
        "visitor_id",
        # A browser that two households share is neither's.
        F.when(least == greatest, least).alias("household_id"),
        "started_at",
        "ended_at",
        "session_date",
        F.expr(f"(_last_at - _first_at) DIV {SECOND}").alias("duration_seconds"),
        "events",
        "views",
        "products_viewed",
        "cart_additions",
        "cart_removals",
        "products_purchased",
        "basket_id",
        "source_sessions",
        (F.col("products_purchased") > 0).alias("is_converted"),
        _is_bot().alias("is_bot"),
        "is_synthetic",
    )


def _with_first_event(events: DataFrame) -> DataFrame:
    """The events with `_at` and `_first_at`: their own time and that of their visit's first event.

    Both in microseconds since 1970, UTC. Events of one microsecond are of one visit and begin it
    together, so which of them comes first changes nothing.
    """
    in_order = Window.partitionBy("visitor_id").orderBy("_at")
    before = in_order.rowsBetween(-1, -1)
    so_far = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    timed = events.withColumn("_at", F.unix_micros("event_time"))
    paused = timed.withColumn("_pause", F.col("_at") - F.max("_at").over(before))
    is_first = F.col("_pause").isNull() | (F.col("_pause") > F.lit(LONGEST_PAUSE))
    begun = paused.withColumn("_begins_at", F.when(is_first, F.col("_at")))
    return begun.withColumn("_first_at", F.max("_begins_at").over(so_far))


def _visits(events: DataFrame) -> DataFrame:
    """One row per visit."""
    click = F.when(F.col("event_type") != "purchase", F.col("_at"))
    return events.groupBy("visitor_id", "_first_at").agg(
        F.min("event_time").alias("started_at"),
        F.max("event_time").alias("ended_at"),
        F.max("_at").alias("_last_at"),
        F.min("event_date").alias("session_date"),
        F.min("household_id").alias("_least_household"),
        F.max("household_id").alias("_greatest_household"),
        F.count(F.lit(1)).alias("events"),
        F.count(click).alias("_clicks"),
        F.min(click).alias("_first_click"),
        F.max(click).alias("_last_click"),
        F.count(_when("view", F.lit(1))).alias("views"),
        F.count_distinct(_when("view", F.col("product_id"))).alias("products_viewed"),
        F.count(_when("add_to_cart", F.lit(1))).alias("cart_additions"),
        F.count(_when("remove_from_cart", F.lit(1))).alias("cart_removals"),
        F.count_distinct(_when("purchase", F.col("product_id"))).alias("products_purchased"),
        F.min("basket_id").alias("basket_id"),
        F.count_distinct("_source_session").alias("source_sessions"),
        F.max("is_synthetic").alias("is_synthetic"),
    )


def _session_id() -> Column:
    visit = F.concat_ws(" ", F.col("visitor_id"), F.col("_first_at").cast("string"))
    return F.sha2(visit, 256).substr(1, 32)


def _is_bot() -> Column:
    """Whether nobody can click so; purchases are no clicks, as one click buys a whole cart."""
    seconds = (F.col("_clicks") - F.lit(1)) * F.lit(SECOND)
    is_fast = F.col("_last_click") - F.col("_first_click") < seconds
    return (F.col("_clicks") >= MOST_CLICKS) | ((F.col("_clicks") >= MOST_FAST_CLICKS) & is_fast)


def _when(event_type: str, value: Column) -> Column:
    return F.when(F.col("event_type") == event_type, value)
