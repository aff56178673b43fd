"""Takes events of the web shop into `click_event`, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.current import publish_current
from spark.tables.curated import CLICK_EVENT
from spark.transforms.click_event import click_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    publish_current(
        session,
        spec,
        report,
        CLICK_EVENT,
        ["clickstream.click_event"],
        rows=lambda events: click_events(events, spec["time_zone"]),
    )
