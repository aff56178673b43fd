"""Makes `promotion_uplift` anew as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import PRODUCT, PRODUCT_WEEK, PROMOTION_UPLIFT, SALES_LINE
from spark.transforms.promotion_uplift import promotion_uplift

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the uplifts as of the spec's day, in one commit."""
    inputs = [PRODUCT, SALES_LINE, PRODUCT_WEEK]
    publish_derived(session, spec, report, PROMOTION_UPLIFT, inputs, promotion_uplift)
