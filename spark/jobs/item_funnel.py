"""Brings `item_funnel` up to date as of one day, or makes it whole where that cannot be done.

A row tells of one item in one week: of the visits that began in it, of their events, and of what
was paid on the receipts that they ended in. So the weeks are made anew in which any of these has
changed, and those that were closed since.

The hazard is what reaches into another week. A visit may go on into the next one, and its events
with it. And of two visits that ended in one receipt the earlier has it: weeks that share a receipt
are made anew together, also if they shared it only before.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.changes import changed_days, changed_rows
from spark.days import A_DAY, day_of, is_within
from spark.derived import publish_derived, report_anew
from spark.io import union
from spark.publishing import replace_keys
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, ITEM_FUNNEL, SALES_LINE
from spark.transforms.business_week import last_closed_week, monday_of
from spark.transforms.item_funnel import item_funnel
from spark.transforms.item_visits import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark.report import Report

INPUTS = (CLICK_EVENT, CLICK_SESSION, SALES_LINE)
# What of a row counts in a funnel.
_STEP = ("visitor_id", "event_time", "event_type", "product_id", "event_date")
_VISIT = ("session_id", "visitor_id", "started_at", "ended_at", "basket_id", "is_bot")
_PAID = ("basket_id", "product_id", "sales_value")
# A quarter: of more, all weeks are made.
MOST_WEEKS = 13
_WEEK = "week_start"
WEEK = timedelta(days=7)
# What a report calls their number.
ANEW = "weeks made anew"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Make the target all weeks that are closed on the spec's day, in one commit."""
    weeks = _touched(session, spec) if "since" in spec else None
    if weeks is None:
        publish_derived(session, spec, report, ITEM_FUNNEL, INPUTS, item_funnel)
        return
    events, sessions, lines = _inputs(session, spec)
    visits = _of_weeks(sessions, weeks)
    rows = item_funnel(_during(events, visits, weeks), visits, lines, day_of(spec))
    keys = session.createDataFrame([(each,) for each in weeks], f"{_WEEK} date")
    replace_keys(session, rows, ITEM_FUNNEL, spec["target"], keys, days=[_WEEK])
    report_anew(report, ITEM_FUNNEL, ANEW, len(weeks))


def _of_weeks(sessions: DataFrame, weeks: Sequence[date]) -> DataFrame:
    """The visits that began in one of the weeks."""
    return sessions.where(
        is_within("session_date", [(week, week + WEEK - A_DAY) for week in weeks])
    )


def _during(events: DataFrame, visits: DataFrame, weeks: Sequence[date]) -> DataFrame:
    """The events of the days on which any of the visits was under way."""
    if not weeks:
        return events.where("1 = 0")
    ((last,),) = visits.agg(F.max(_last_day())).collect()
    until = max(weeks[-1] + WEEK, last or weeks[-1])
    return events.where(F.col("event_date").between(F.lit(weeks[0]), F.lit(until)))


def _last_day() -> Column:
    """No day after it has an event of the visit, whatever the shop's time zone is."""
    return F.date_add(F.to_date("ended_at"), 1)


# --- which weeks ------------------------------------------------------------------------------


def _touched(session: SparkSession, spec: Mapping[str, Any]) -> list[date] | None:
    """The Mondays of the weeks to be made anew, in order; None for all of them."""
    days = day_of(spec["since"]), day_of(spec)
    before, now = (last_closed_week(each) for each in days)
    if days[1] < days[0]:
        return None
    people = _inputs(session, spec)[1].where(~F.col("is_bot"))
    files = spec["since"]["inputs"]
    clicked = {*_of_events(session, files[CLICK_EVENT.identifier]), *_weeks_between(*days)}
    touched = {
        *(before + WEEK * (n + 1) for n in range((now - before) // WEEK)),
        *clicked,
        *_reached_into(people, clicked),
        *_of_visits(session, files, people),
    }
    found = _with_shared_receipts(people, {each for each in touched if each <= now}, now)
    return None if len(found) > MOST_WEEKS else sorted(found)


def _of_events(session: SparkSession, files: Mapping[str, Sequence[str]]) -> Iterator[date]:
    """The weeks whose events changed."""
    steps = ", ".join(f"'{each}'" for each in STEPS)
    counts = f"event_type IN ({steps}) AND product_id IS NOT NULL"
    days = changed_days(session, files, CLICK_EVENT, "event_date", _STEP, where=counts)
    yield from _weeks_in(days.select(monday_of(F.col("day")).alias(_WEEK)))


def _weeks_between(before: date, now: date) -> Iterator[date]:
    """The weeks of the days after the one and up to the other, whose events count now."""
    yield from (_monday(before + A_DAY * (number + 1)) for number in range((now - before).days))


def _reached_into(people: DataFrame, weeks: Iterable[date]) -> Iterator[date]:
    """The weeks of the visits that went on into one of the weeks."""
    began, ended = monday_of(F.col("session_date")), monday_of(_last_day())
    went_on = people.select(began.alias("began"), ended.alias("ended")).where("began < ended")
    for visit in went_on.distinct().collect():
        if any(visit["began"] < week <= visit["ended"] for week in weeks):
            yield visit["began"]


def _of_visits(
    session: SparkSession, files: Mapping[str, Mapping[str, Sequence[str]]], people: DataFrame
) -> Iterator[date]:
    """The weeks whose visits changed, or what was paid on a receipt that their visits ended in.

    And those of a receipt that other visits have ended in before, or which they do now.
    """
    visits = files[CLICK_SESSION.identifier]
    changed = changed_days(session, visits, CLICK_SESSION, "session_date", _VISIT)
    ended_in = changed_rows(session, visits, CLICK_SESSION, _VISIT).select("basket_id")
    paid = changed_rows(session, files[SALES_LINE.identifier], SALES_LINE, _PAID)
    receipts = union([ended_in, paid.select("basket_id")]).where("basket_id IS NOT NULL")
    theirs = people.join(receipts.distinct(), on="basket_id", how="left_semi")
    days = ((changed, "day"), (theirs, "session_date"))
    yield from _weeks_in(
        union([rows.select(monday_of(F.col(day)).alias(_WEEK)) for rows, day in days])
    )


def _with_shared_receipts(people: DataFrame, weeks: set[date], now: date) -> set[date]:
    """The weeks, and all closed ones that share a receipt with any of those found."""
    week = monday_of(F.col("session_date")).alias(_WEEK)
    ended_in = people.where(F.col("basket_id").isNotNull()).select("basket_id", week)
    closed = ended_in.where(F.col(_WEEK) <= F.lit(now)).distinct()
    several = closed.groupBy("basket_id").agg(F.count(F.lit(1)).alias("weeks")).where("weeks > 1")
    shared: defaultdict[int, set[date]] = defaultdict(set)
    for row in closed.join(several, on="basket_id", how="left_semi").collect():
        shared[row["basket_id"]].add(row[_WEEK])
    found = set(weeks)
    while True:
        more = {week for each in shared.values() if each & found for week in each} - found
        if not more:
            return found
        found |= more


def _weeks_in(rows: DataFrame) -> Iterator[date]:
    yield from (row[_WEEK] for row in rows.distinct().collect())


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _inputs(session: SparkSession, spec: Mapping[str, Any]) -> list[DataFrame]:
    return [session.table(spec["inputs"][each.identifier]) for each in INPUTS]
