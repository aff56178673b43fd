"""Makes `purchase_attribution` anew as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PURCHASE_ATTRIBUTION,
    SALES_LINE,
)
from spark.transforms.purchase_attribution import purchase_attribution

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the attributed lines up to the spec's day, in one commit."""
    inputs = [SALES_LINE, CLICK_EVENT, CLICK_SESSION, INTERACTION]
    publish_derived(session, spec, report, PURCHASE_ATTRIBUTION, inputs, purchase_attribution)
