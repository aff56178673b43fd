"""Takes weekly price files into `price_week`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.publishing import batch_results, merge_rows, required_batches
from spark.tables.curated import PRICE_WEEK
from spark.transforms.price_week import price_weeks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    prices = required_batches(session, spec, "pricing.price_week")
    merge_rows(session, price_weeks(prices), PRICE_WEEK, spec["target"])
    report.results(batch_results(spec, PRICE_WEEK.identifier, {"pricing.price_week": prices}))
