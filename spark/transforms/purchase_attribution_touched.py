"""Which days of sale are touched by contacts and visits that changed: others keep what is said.

All is told as spans, `first_day` to `last_day`: a coupon counts on the day that it was used, a
campaign while it is valid, a visit on the days after it and on those of the receipt it ended in.

The hazard is what is told of one thing and counts by way of another: a coupon that is good for
another product now, an event within a visit that stands as it was. Where it would be dear to know
whether a line is touched, its day is. The test of `purchase_attribution` compares random changes
with the table made whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.io import union
from spark.tables.curated.interaction import REDEMPTION, TARGET
from spark.transforms.item_visits import item_visits
from spark.transforms.purchase_attribution import VISIT_DAYS

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame


def span(first: str, last: str) -> list[Column]:
    """Two days as a span."""
    # Computed columns carry no description: one engine refuses to stack those that differ in it.
    return [F.greatest(first, first).alias("first_day"), F.greatest(last, last).alias("last_day")]


def touched_by_offers(offers: DataFrame, interactions: DataFrame) -> list[DataFrame]:
    """Spans of the days on which coupons were used, and campaigns valid, whose offers changed.

    Args:
        offers: `campaign_id` and `coupon_upc` of offers that are new or gone.
        interactions: `curated.interaction`.
    """
    kind = F.col("interaction_type")
    coupon, campaign = ["campaign_id", "coupon_upc"], ["campaign_id"]
    used = interactions.where(kind == REDEMPTION)
    theirs = used.join(offers.select(*coupon).distinct(), on=coupon, how="left_semi")
    sent = interactions.where(kind == TARGET)
    valid = sent.join(offers.select(*campaign).distinct(), on=campaign, how="left_semi")
    return [
        theirs.select(*span("interaction_date", "interaction_date")),
        touched_by_targets(valid),
    ]


def touched_by_targets(targets: DataFrame) -> DataFrame:
    """Spans of the days on which campaigns are valid that were sent to anybody."""
    return targets.select(*span("campaign_start_date", "campaign_end_date")).distinct()


def touched_by_visits(visits: DataFrame, lines: DataFrame) -> DataFrame:
    """Spans of the days after visits, and of the sales on the receipts that they ended in.

    Args:
        visits: as `changed_visits` gives them.
        lines: `curated.sales_line`.
    """
    sold = lines.select("basket_id", "business_date")
    # The visits are the few, and the side that the engine keeps in memory.
    met = visits.join(sold, on="basket_id", how="left").select("session_date", "business_date")
    day, receipt = F.col("session_date"), F.col("business_date")
    after = F.struct(
        F.date_add(day, 1).alias("first_day"), F.date_add(day, VISIT_DAYS).alias("last_day")
    )
    then = F.struct(
        F.greatest(receipt, receipt).alias("first_day"),
        F.greatest(receipt, receipt).alias("last_day"),
    )
    return met.distinct().select(F.explode(F.array(after, then)).alias("span")).select("span.*")


def changed_visits(
    sessions: DataFrame,
    events: DataFrame,
    changed: tuple[DataFrame, DataFrame],
    days: tuple[date, date],
) -> DataFrame:
    """`session_date` and `basket_id` of visits of people that may tell something else than before.

    Args:
        sessions: `curated.click_session`.
        events: `curated.click_event`.
        changed: of each of the two, the rows that are new or gone.
        days: as of which day the table was, and is to be.
    """
    before, now = days
    new_sessions, new_events = changed
    counts = ~F.col("is_bot") & (F.col("session_date") <= F.lit(now))
    # Of a visit that stands as it was, an event may be new, or gone, or be known before its day.
    found = [new_sessions.where(counts), item_visits(new_events, sessions, now)]
    if before < now:
        passed = events.where(F.col("event_date") > F.lit(before))
        found.append(item_visits(passed, sessions, now))
    return union([_visit(each) for each in found]).distinct()


def _visit(rows: DataFrame) -> DataFrame:
    return rows.select(
        *(F.greatest(each, each).alias(each) for each in ("session_date", "basket_id"))
    )
