"""Makes `product_360` anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import INTERACTION, PRODUCT, PRODUCT_360, PRODUCT_WEEK, SALES_LINE
from spark.transforms.product_360 import product_360

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the products as of the spec's day, in one commit."""
    products, lines, weeks, interactions = (
        session.table(spec["inputs"][table.identifier])
        for table in (PRODUCT, SALES_LINE, PRODUCT_WEEK, INTERACTION)
    )
    as_of = date.fromisoformat(spec["as_of_date"])
    made = product_360(products, lines, weeks, interactions, as_of, spec["windows"])
    replace_rows(session, made, PRODUCT_360, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(PRODUCT_360.identifier, rows, rows)])
