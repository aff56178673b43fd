"""Makes `store` anew as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import PROMOTION_WEEK, SALES_LINE, STORE
from spark.transforms.store import stores

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the stores as of the spec's day, in one commit."""
    inputs = [SALES_LINE, PROMOTION_WEEK]
    publish_derived(session, spec, report, STORE, inputs, stores)
