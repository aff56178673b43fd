"""Takes weekly promotion files into `promotion_week`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.publishing import batch_results, merge_rows, required_batches
from spark.tables.curated import PROMOTION_WEEK
from spark.transforms.promotion_week import promotion_weeks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    promotions = required_batches(session, spec, "pricing.promotion_week")
    merge_rows(session, promotion_weeks(promotions), PROMOTION_WEEK, spec["target"])
    report.results(
        batch_results(spec, PROMOTION_WEEK.identifier, {"pricing.promotion_week": promotions})
    )
