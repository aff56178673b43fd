"""Brings `click_session` up to date as of one day, or makes it whole where that cannot be done.

While the day stands, visits are made anew of the visitors whose events changed, from all of their
events: one of any lateness counts, and joins visits that stood apart. A new day makes all of them,
as each says as of when it is.

The hazard is a correction by which an event is another visitor's. Its former row is gone then, and
what is gone counts as changed: the visits of both are made anew.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.changes import changed_rows
from spark.derived import publish_derived
from spark.publishing import replace_keys, result
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION
from spark.transforms.click_session import click_sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report

# Of more visitors it is no cheaper than to make all visits.
FEW = 20_000
# What a report calls their number.
ANEW = "visitors made anew"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Make the target the visits up to the spec's day, in one commit."""
    whose = _touched(session, spec) if _is_of_the_day(spec) else None
    if whose is None:
        publish_derived(session, spec, report, CLICK_SESSION, [CLICK_EVENT], click_sessions)
        return
    visitors = session.createDataFrame([(each,) for each in whose], "visitor_id string")
    events = session.table(spec["inputs"][CLICK_EVENT.identifier])
    theirs = events.join(F.broadcast(visitors), on="visitor_id", how="left_semi")
    visits = click_sessions(theirs, _day(spec))
    # A visit's day follows from its id, so only the months of these are looked into.
    days = ["session_date"]
    replace_keys(session, visits, CLICK_SESSION, spec["target"], visitors, days=days)
    # Without column lineage: it is what it was when all were made.
    told = result(CLICK_SESSION.identifier, len(whose), len(whose))
    report.results([{**told, "details": {ANEW: str(len(whose))}}])


def _is_of_the_day(spec: Mapping[str, Any]) -> bool:
    """Whether the table is known to be as of the spec's day already."""
    return "since" in spec and _day(spec["since"]) == _day(spec)


def _touched(session: SparkSession, spec: Mapping[str, Any]) -> list[str] | None:
    """The visitors of events that are new, or gone; None if they are many."""
    files = spec["since"]["inputs"][CLICK_EVENT.identifier]
    changed: DataFrame = changed_rows(session, files, CLICK_EVENT)
    found = changed.select("visitor_id").distinct().limit(FEW + 1).collect()
    return None if len(found) > FEW else sorted(row["visitor_id"] for row in found)


def _day(document: Mapping[str, Any]) -> date:
    return date.fromisoformat(document["as_of_date"])
