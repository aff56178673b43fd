"""What each visit to the web shop did with each item: looked, put it in the cart, bought it.

An event is of the visit of its visitor during which it happened; visits of one visitor never
overlap. They are met by visitor and day, as a visitor of years has many visits and an event would
be held against each of them.

The hazard is a rate above one: a visit that looks at an item ten times is one visit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

DAY = 24 * 60 * 60 * 1_000_000  # microseconds
PURCHASE = "purchase"
STEPS = {"view": "is_viewed", "add_to_cart": "is_carted", PURCHASE: "is_bought"}


def item_visits(events: DataFrame, sessions: DataFrame, as_of: date) -> DataFrame:
    """One row per visit and item that it touched, with `is_viewed`, `is_carted` and `is_bought`.

    Bots are left out. A visit brings its id, household, day and receipt.

    Args:
        events: `curated.click_event`.
        sessions: `curated.click_session`.
        as_of: last day that counts, in the shop's own time zone.
    """
    visits = (
        sessions.where(~F.col("is_bot") & (F.col("session_date") <= F.lit(as_of)))
        .select(
            *("session_id", "visitor_id", "household_id", "session_date"),
            *("started_at", "ended_at", "basket_id"),
            # A visit that goes on across midnight is met on both days.
            F.explode(F.sequence(_day("started_at"), _day("ended_at"))).alias("_day"),
        )
        .alias("v")
    )
    touched = (
        events.where(F.col("event_type").isin(*STEPS) & F.col("product_id").isNotNull())
        .where(F.col("event_date") <= F.lit(as_of))
        .select(
            *("visitor_id", "event_time", "event_type", "product_id"),
            _day("event_time").alias("_day"),
        )
        .alias("e")
    )
    during = (
        (F.col("e.visitor_id") == F.col("v.visitor_id"))
        & (F.col("e._day") == F.col("v._day"))
        & (F.col("e.event_time") >= F.col("v.started_at"))
        & (F.col("e.event_time") <= F.col("v.ended_at"))
    )
    met = visits.join(touched, on=during, how="inner")
    return met.groupBy(
        *(F.col(f"v.{name}") for name in ("session_id", "household_id", "session_date")),
        F.col("v.basket_id"),
        F.col("e.product_id"),
    ).agg(*(_took(step).alias(name) for step, name in STEPS.items()))


def buying_visits(events: DataFrame, sessions: DataFrame, as_of: date) -> DataFrame:
    """The rows of `item_visits` that bought, found by the few events that say so.

    Of these it is only known that they bought: `is_viewed` and `is_carted` are false.
    """
    return item_visits(events.where(F.col("event_type") == PURCHASE), sessions, as_of)


def visiting_days(sessions: DataFrame) -> DataFrame:
    """The days from which to which visits of people last, each pair once: `first`, `last`.

    As numbers, by UTC and from 1970 on; before that, they may be a day too late.
    """
    people = sessions.where(~F.col("is_bot"))
    return people.select(
        _day("started_at").alias("first"), _day("ended_at").alias("last")
    ).distinct()


def _day(time: str) -> Column:
    """The day of a time in UTC, as a number."""
    return F.expr(f"unix_micros({time}) DIV {DAY}")


def _took(step: str) -> Column:
    return F.max(F.col("e.event_type") == step)
