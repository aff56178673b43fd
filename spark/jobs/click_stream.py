"""Takes events of the web shop into `click_event` as they are offered, and the visits they change.

The transforms and the merge are those of the nightly batch, so whichever of the two takes a batch
in, the rows are the same. Visits are made of stored events and never of Spark's state: an event of
any lateness counts, and there is no state to lose.

The hazard is the moment between the two commits. Both carry the offer's id, and visits are only
brought up to date in part where the table's newest commit is that of the events before; in any
other case (a job that died in between, a batch that took something in) all of them are made anew.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.offers import commits_of, follow
from spark.publishing import (
    batch_results,
    merge_rows,
    read_batches,
    replace_keys,
    replace_rows,
)
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION
from spark.transforms.click_event import click_events
from spark.transforms.click_session import click_sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Take in what is on offer; see `spark.offers`."""
    follow(session, spec, take_in, report)


def take_in(session: SparkSession, offer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Take one offer into both tables, each in one commit, unless it is in.

    Args:
        session: the engine's session.
        offer: as the job `click_event` is told; without batches, only visits are brought up to
            date. Also `sessions`, the visits' table; `newest_delivery`, the last landing date of
            what was taken in before; `commit`, the property of both commits, and its value.
    """
    ((name, commit),) = offer["commit"].items()
    (source,) = offer["inputs"]
    events = read_batches(session, offer, source)
    before = commits_of(session, offer["target"], name)
    whose = None
    if events is not None and commit not in before:
        whose = _concerned(session, events, session.table(offer["target"]))
        rows = click_events(events, offer["time_zone"])
        merge_rows(session, rows, CLICK_EVENT, offer["target"])
    made = commits_of(session, offer["sessions"], name)
    if commit not in made:
        is_in_step = before[:1] == made[:1] != [""]
        _bring_up(session, offer, whose if is_in_step else None)
    return batch_results(offer, CLICK_EVENT.identifier, {source: events})


def _concerned(session: SparkSession, events: DataFrame, stored: DataFrame) -> DataFrame:
    """Visitors of these events, and of what is stored of them: a correction may name another.

    They are collected, as after the merge nobody knows any more whose the events were.
    """
    ids = F.broadcast(events.select("event_id").distinct())
    until_now = stored.join(ids, on="event_id", how="left_semi")
    both = events.select("visitor_id").unionAll(until_now.select("visitor_id"))
    found = [(row["visitor_id"],) for row in both.distinct().collect()]
    return session.createDataFrame(found, "visitor_id string")


def _bring_up(session: SparkSession, offer: Mapping[str, Any], whose: DataFrame | None) -> None:
    """Make visits as of the latest closed day: of these visitors, or all where the day is new."""
    events, target = session.table(offer["target"]), offer["sessions"]
    visits = session.table(target)
    as_of = latest_closed_day(events, offer)
    if as_of is None:
        # Nobody's visit counts yet; the commit says that this was looked at.
        visits.where("1 = 0").writeTo(target).append()
    elif whose is None or visits.agg(F.max("as_of_date")).collect()[0][0] != as_of:
        replace_rows(session, click_sessions(events, as_of), CLICK_SESSION, target)
    else:
        theirs = events.join(F.broadcast(whose), on="visitor_id", how="left_semi")
        made = click_sessions(theirs, as_of).select(*CLICK_SESSION.column_names).persist()
        # A visit's day follows from its id, so only the months of these are looked into.
        replace_keys(session, made, CLICK_SESSION, target, whose, days=("session_date",))
        made.unpersist()


def latest_closed_day(events: DataFrame, offer: Mapping[str, Any]) -> date | None:
    """The last day with events before the newest delivery, this offer's included."""
    batches = [batch for each in offer["inputs"].values() for batch in each["batches"]]
    delivered = [offer["newest_delivery"], *(batch["landing_date"] for batch in batches)]
    newest = date.fromisoformat(max(delivered))
    closed = events.where(F.col("event_date") < F.lit(newest))
    day: date | None = closed.agg(F.max("event_date")).collect()[0][0]
    return day
