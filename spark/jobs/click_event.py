"""Takes events of the web shop into `click_event`, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.publishing import batch_results, merge_rows, required_batches
from spark.tables.curated import CLICK_EVENT
from spark.transforms.click_event import click_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    name = "clickstream.click_event"
    events = required_batches(session, spec, name)
    merge_rows(session, click_events(events, spec["time_zone"]), CLICK_EVENT, spec["target"])
    report.results(batch_results(spec, CLICK_EVENT.identifier, {name: events}))
