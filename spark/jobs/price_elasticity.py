"""Makes `price_elasticity` anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import PRICE_ELASTICITY, PRODUCT, PRODUCT_WEEK
from spark.transforms.price_elasticity import price_elasticity

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the elasticities as of the spec's day, in one commit."""
    products, weeks = (
        session.table(spec["inputs"][table.identifier]) for table in (PRODUCT, PRODUCT_WEEK)
    )
    made = price_elasticity(products, weeks, date.fromisoformat(spec["as_of_date"]))
    replace_rows(session, made, PRICE_ELASTICITY, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(PRICE_ELASTICITY.identifier, rows, rows)])
