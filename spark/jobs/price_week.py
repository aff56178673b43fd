"""Takes weekly price files into `price_week`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.current import publish_current
from spark.tables.curated import PRICE_WEEK
from spark.transforms.price_week import price_weeks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    publish_current(session, spec, report, PRICE_WEEK, ["pricing.price_week"], price_weeks)
