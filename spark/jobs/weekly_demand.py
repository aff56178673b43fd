"""Makes `weekly_demand`, the forecaster's training set, anew as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import SALES_LINE
from spark.tables.forecast import WEEKLY_DEMAND
from spark.transforms.weekly_demand import weekly_demand

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the demand up to the spec's day, in one commit."""
    inputs = [SALES_LINE]
    publish_derived(session, spec, report, WEEKLY_DEMAND, inputs, weekly_demand)
