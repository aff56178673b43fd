"""Brings `click_session` up to date as of one day, or makes it whole where that cannot be done.

Visits are made anew around the events that changed, and those of the days that came: for each
visitor from half an hour before the first to half an hour after the last, and as far as the visits
reach that lie there. One of any lateness counts, and joins visits that stood apart. So a day costs
what it brought, however many years there are.

The hazard is a correction by which an event is another visitor's. Its former row is gone then, and
what is gone counts as changed: the visits of both are made anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from pyspark.sql import functions as F

from spark.changes import changed_rows
from spark.days import day_of, moved
from spark.derived import publish_derived, report_anew
from spark.io import union
from spark.publishing import replace_keys
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION
from spark.transforms.click_session import LONGEST_PAUSE, click_sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyspark.sql import DataFrame, Row, SparkSession

    from spark.report import Report

# Of more visitors it is no cheaper than to make all visits.
FEW = 20_000
# What a report calls their number.
ANEW = "visitors made anew"
_BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST, _LAST = (
    (each - _BEGINNING) // timedelta(microseconds=1)
    for each in (
        datetime.min.replace(tzinfo=timezone.utc),
        datetime.max.replace(tzinfo=timezone.utc),
    )
)


class _Span(NamedTuple):
    """A time of one visitor, from and to; microseconds since 1970, both included."""

    visitor_id: str
    begins: int
    ends: int


_SPAN = "visitor_id string, _begins bigint, _ends bigint"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Make the target the visits up to the spec's day, in one commit."""
    spans = _touched(session, spec) if "since" in spec else None
    if spans is None:
        publish_derived(session, spec, report, CLICK_SESSION, [CLICK_EVENT], click_sessions)
        return
    there = _visits_within(session, spec, spans)
    events = _events_within(session, spec, _extended(spans, there))
    keys = [(each["session_id"], each["session_date"]) for each in there]
    replaced = session.createDataFrame(keys, "session_id string, session_date date")
    visits = click_sessions(events, day_of(spec))
    # A visit's day follows from its id, so only the months of these are looked into.
    days = ["session_date"]
    replace_keys(session, visits, CLICK_SESSION, spec["target"], replaced, days=days)
    report_anew(report, CLICK_SESSION, ANEW, len(spans))


def _touched(session: SparkSession, spec: Mapping[str, Any]) -> list[_Span] | None:
    """When each visitor has events that are new or gone; None if the visitors are many.

    With half an hour at both ends, so that every visit lies there that such an event may join.
    """
    before, now = day_of(spec["since"]), day_of(spec)
    if now < before:
        return None
    files = spec["since"]["inputs"][CLICK_EVENT.identifier]
    changed: DataFrame = changed_rows(session, files, CLICK_EVENT)
    day, events = F.col("event_date"), session.table(spec["inputs"][CLICK_EVENT.identifier])
    come = events.where((day > F.lit(before)) & (day <= F.lit(now)))
    used = ("visitor_id", "event_time")
    both = union([changed.where(day <= F.lit(now)).select(*used), come.select(*used)])
    at = F.unix_micros("event_time")
    spans = both.groupBy("visitor_id").agg(
        (F.min(at) - F.lit(LONGEST_PAUSE)).alias("_begins"),
        (F.max(at) + F.lit(LONGEST_PAUSE)).alias("_ends"),
    )
    found = spans.limit(FEW + 1).collect()
    return None if len(found) > FEW else sorted(_Span(*each) for each in found)


def _visits_within(
    session: SparkSession, spec: Mapping[str, Any], spans: Sequence[_Span]
) -> list[Row]:
    """The visits that the target holds of these visitors and that lie, or reach, into the spans."""
    held = session.table(spec["target"])
    if not spans:
        return []
    # Said of all spans together, too, so that no file is opened that has none of them.
    first, last = _whole(spans)
    near = held.where(
        (F.col("ended_at") >= F.lit(_time(first))) & (F.col("started_at") <= F.lit(_time(last)))
    )
    begins, ends = F.unix_micros("started_at"), F.unix_micros("ended_at")
    met = near.join(F.broadcast(_frame(session, spans)), on="visitor_id", how="inner")
    within = met.where((ends >= F.col("_begins")) & (begins <= F.col("_ends")))
    return within.select(
        *("session_id", "session_date", "visitor_id"),
        begins.alias("begins"),
        ends.alias("ends"),
    ).collect()


def _extended(spans: Sequence[_Span], visits: Iterable[Row]) -> list[_Span]:
    """The spans, as far as the visits reach that lie there."""
    found = {each.visitor_id: each for each in spans}
    for visit in visits:
        span = found[visit["visitor_id"]]
        begins, ends = min(span.begins, visit["begins"]), max(span.ends, visit["ends"])
        found[span.visitor_id] = span._replace(begins=begins, ends=ends)
    return list(found.values())


def _events_within(
    session: SparkSession, spec: Mapping[str, Any], spans: Sequence[_Span]
) -> DataFrame:
    """The events of the visitors in their spans."""
    events = session.table(spec["inputs"][CLICK_EVENT.identifier])
    if not spans:
        return events.where("1 = 0")
    # No place on earth is further from UTC: an event's day is its day there, or next to it.
    first, last = (_time(each).date() for each in _whole(spans))
    near = events.where(F.col("event_date").between(F.lit(moved(first, -1)), F.lit(moved(last, 1))))
    met = near.join(F.broadcast(_frame(session, spans)), on="visitor_id", how="inner")
    within = F.unix_micros("event_time").between(F.col("_begins"), F.col("_ends"))
    return met.where(within).select(*events.columns)


def _whole(spans: Sequence[_Span]) -> tuple[int, int]:
    """From the beginning of the first to the end of the last."""
    return min(each.begins for each in spans), max(each.ends for each in spans)


def _time(micros: int) -> datetime:
    """The moment, or the first or the last that there is where it lies outside of them."""
    return _BEGINNING + timedelta(microseconds=min(max(micros, _FIRST), _LAST))


def _frame(session: SparkSession, spans: Sequence[_Span]) -> DataFrame:
    return session.createDataFrame([tuple(each) for each in spans], _SPAN)
