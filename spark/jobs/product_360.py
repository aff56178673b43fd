"""Makes `product_360` anew as of one day."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import INTERACTION, PRODUCT, PRODUCT_360, PRODUCT_WEEK, SALES_LINE
from spark.transforms.product_360 import product_360

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the products as of the spec's day, in one commit."""
    inputs = [PRODUCT, SALES_LINE, PRODUCT_WEEK, INTERACTION]
    made = partial(product_360, windows=spec["windows"])
    publish_derived(session, spec, report, PRODUCT_360, inputs, made)
