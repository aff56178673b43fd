"""Makes `click_session` anew as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION
from spark.transforms.click_session import click_sessions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the visits up to the spec's day, in one commit."""
    inputs = [CLICK_EVENT]
    publish_derived(session, spec, report, CLICK_SESSION, inputs, click_sessions)
