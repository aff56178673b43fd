"""Makes `price_elasticity` anew as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import PRICE_ELASTICITY, PRODUCT, PRODUCT_WEEK
from spark.transforms.price_elasticity import price_elasticity

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the elasticities as of the spec's day, in one commit."""
    inputs = [PRODUCT, PRODUCT_WEEK]
    publish_derived(session, spec, report, PRICE_ELASTICITY, inputs, price_elasticity)
