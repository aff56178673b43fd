"""Makes `click_session` anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION
from spark.transforms.click_session import click_sessions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the visits up to the spec's day, in one commit."""
    events = session.table(spec["inputs"][CLICK_EVENT.identifier])
    as_of = date.fromisoformat(spec["as_of_date"])
    replace_rows(session, click_sessions(events, as_of), CLICK_SESSION, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(CLICK_SESSION.identifier, rows, rows)])
