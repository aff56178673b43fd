"""Makes `promotion_uplift` anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import PRODUCT, PRODUCT_WEEK, PROMOTION_UPLIFT, SALES_LINE
from spark.transforms.promotion_uplift import promotion_uplift

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the uplifts as of the spec's day, in one commit."""
    products, lines, weeks = (
        session.table(spec["inputs"][table.identifier])
        for table in (PRODUCT, SALES_LINE, PRODUCT_WEEK)
    )
    made = promotion_uplift(products, lines, weeks, date.fromisoformat(spec["as_of_date"]))
    replace_rows(session, made, PROMOTION_UPLIFT, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(PROMOTION_UPLIFT.identifier, rows, rows)])
