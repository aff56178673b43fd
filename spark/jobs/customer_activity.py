"""Makes `customer_activity` anew as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import (
    CLICK_SESSION,
    CUSTOMER,
    CUSTOMER_ACTIVITY,
    INTERACTION,
    SALES_LINE,
)
from spark.transforms.customer_activity import customer_activity

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the households as of the spec's day, in one commit."""
    inputs = [CUSTOMER, SALES_LINE, CLICK_SESSION, INTERACTION]
    publish_derived(session, spec, report, CUSTOMER_ACTIVITY, inputs, customer_activity)
