"""Takes weekly promotion files into `promotion_week`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.current import publish_current
from spark.tables.curated import PROMOTION_WEEK
from spark.transforms.promotion_week import promotion_weeks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    inputs = ["pricing.promotion_week"]
    publish_current(session, spec, report, PROMOTION_WEEK, inputs, promotion_weeks)
