"""Brings `purchase_attribution` up to date as of one day, or makes it whole where it must.

A row tells of one sales line on its day, so it is enough to make the days anew of which any source
tells something else, and those that came since. Each is made of all its lines, and of what can have
led to them: all contacts, the visits of these days and of the week before, and the visits that
ended in one of their receipts, whenever that was.

The hazard is a receipt that is not of the day of its visit, nor of the week after it: the visit is
looked for by the receipt, and its events by its own days.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.at_hand import at_hand
from spark.changes import changed_days, changed_rows
from spark.days import A_DAY, day_of, days_in, is_within, merged, moved
from spark.derived import publish_derived, report_anew
from spark.io import union
from spark.publishing import replace_keys
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PURCHASE_ATTRIBUTION,
    SALES_LINE,
)
from spark.tables.curated.interaction import OFFER, REDEMPTION, TARGET
from spark.transforms.item_visits import visiting_days
from spark.transforms.purchase_attribution import VISIT_DAYS, purchase_attribution
from spark.transforms.purchase_attribution_touched import (
    changed_visits,
    span,
    touched_by_offers,
    touched_by_targets,
    touched_by_visits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.days import Span
    from spark.report import Report

INPUTS = (SALES_LINE, CLICK_EVENT, CLICK_SESSION, INTERACTION)
# What of a row counts.
_LINE = ("basket_id", "product_id", "household_id", "business_date", "sales_value")
_EVENT = ("visitor_id", "event_time", "event_type", "product_id", "event_date")
_VISIT = (
    *("session_id", "visitor_id", "household_id", "session_date", "started_at", "ended_at"),
    *("basket_id", "is_bot"),
)
_USE = ("interaction_id", "campaign_id", "coupon_upc", "household_id")
_OFFERED = ("interaction_type", "campaign_id", "coupon_upc", "product_id")
_SENT = (
    *("interaction_type", "campaign_id", "household_id"),
    *("campaign_start_date", "campaign_end_date"),
)
# A quarter: of more, all days are made. So many spans cannot lie in fewer days.
MOST_DAYS = 92
MOST_SPANS = MOST_DAYS * (MOST_DAYS + 1) // 2
# Of more rows the job does not hold on to.
FEW = 20_000
_EPOCH = date(1970, 1, 1)
# What a report calls their number.
ANEW = "days made anew"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Make the target the attributed lines up to the spec's day, in one commit."""
    days = _touched(session, spec) if "since" in spec else None
    if days is None:
        publish_derived(session, spec, report, PURCHASE_ATTRIBUTION, INPUTS, purchase_attribution)
        return
    keys = session.createDataFrame([(each,) for each in days], "business_date date")
    lines, events, sessions, interactions = _concerned(_read(session, spec), days)
    made = purchase_attribution(lines, events, sessions, interactions, day_of(spec))
    # Who replaces rows names them several times.
    rows = at_hand(made, most=FEW)
    replace_keys(session, rows, PURCHASE_ATTRIBUTION, spec["target"], keys, days=["business_date"])
    report_anew(report, PURCHASE_ATTRIBUTION, ANEW, len(days))


def _read(session: SparkSession, spec: Mapping[str, Any]) -> list[DataFrame]:
    return [session.table(spec["inputs"][each.identifier]) for each in INPUTS]


def _concerned(inputs: Sequence[DataFrame], days: Sequence[date]) -> list[DataFrame]:
    """Of the inputs, the lines of some days and all that can have led to any of them."""
    lines, events, sessions, interactions = inputs
    sold = lines.where(is_within("business_date", merged((day, day) for day in days)))
    visits = _visits_to(sold, sessions, days)
    during = events.where(is_within("event_date", _lasting(visits)))
    return [sold, during, visits, interactions]


def _visits_to(sold: DataFrame, sessions: DataFrame, days: Sequence[date]) -> DataFrame:
    """The visits of some days and of those before them, and those that ended in a receipt."""
    before = merged((moved(day, -VISIT_DAYS), day) for day in days)
    is_near = is_within("session_date", before)
    others = sessions.where(~is_near & F.col("basket_id").isNotNull())
    far = others.join(sold.select("basket_id"), on="basket_id", how="left_semi")
    return sessions.where(is_near).unionAll(far.select(*sessions.columns))


def _lasting(visits: DataFrame) -> list[Span]:
    """The days that events of visits can be of: a local day is at most one away from that in UTC.

    Here, not in the engine, so that it finds the files by them.
    """
    found = visiting_days(visits).collect()
    return merged(
        (moved(_EPOCH, row["first"] - 2), moved(_EPOCH, row["last"] + 1)) for row in found
    )


def _touched(session: SparkSession, spec: Mapping[str, Any]) -> list[date] | None:
    """The days of sale to be made anew, in order; None for all of them."""
    before, now = day_of(spec["since"]), day_of(spec)
    if now < before:
        return None
    first, last = F.col("first_day"), F.col("last_day")
    # What has no day is in no span, and what is yet to come counts for nothing.
    spans = [
        each.where((first <= last) & (first <= F.lit(now))).select(
            first, F.least(last, F.lit(now)).alias("last_day")
        )
        for each in _spans(session, spec)
    ]
    found = union(spans).distinct().limit(MOST_SPANS + 1).collect()
    if len(found) > MOST_SPANS:
        return None
    passed = before + A_DAY, now
    return days_in([passed, *((row["first_day"], row["last_day"]) for row in found)], MOST_DAYS)


def _spans(session: SparkSession, spec: Mapping[str, Any]) -> Iterator[DataFrame]:
    """Spans of the days of sale of which the inputs tell something else than they did."""
    files = {each: spec["since"]["inputs"][each.identifier] for each in INPUTS}
    lines, events, sessions, interactions = _read(session, spec)
    sold = changed_days(session, files[SALES_LINE], SALES_LINE, "business_date", _LINE)
    yield sold.select(*span("day", "day"))
    contacts = files[INTERACTION]
    is_used = f"interaction_type = '{REDEMPTION}'"
    used = changed_days(session, contacts, INTERACTION, "interaction_date", _USE, where=is_used)
    yield used.select(*span("day", "day"))
    kind = F.col("interaction_type")
    offers = changed_rows(session, contacts, INTERACTION, _OFFERED).where(kind == OFFER)
    yield from touched_by_offers(offers, interactions)
    yield touched_by_targets(
        changed_rows(session, contacts, INTERACTION, _SENT).where(kind == TARGET)
    )
    changed = (
        changed_rows(session, files[CLICK_SESSION], CLICK_SESSION, _VISIT),
        changed_rows(session, files[CLICK_EVENT], CLICK_EVENT, _EVENT),
    )
    days = day_of(spec["since"]), day_of(spec)
    yield touched_by_visits(changed_visits(sessions, events, changed, days), lines)
