"""Makes `product_week` anew, every closed week as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)
from spark.transforms.product_week import clicked, priced, product_week, promoted, redeemed, sold

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report
    from spark.tables import Table


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by all weeks that are closed on the spec's day, in one commit."""

    def rows_of(table: Table) -> DataFrame:
        return session.table(spec["inputs"][table.identifier])

    lines = rows_of(SALES_LINE)
    sources = (
        sold(lines),
        priced(rows_of(PRICE_WEEK)),
        promoted(rows_of(PROMOTION_WEEK)),
        redeemed(rows_of(INTERACTION), lines),
        clicked(rows_of(CLICK_EVENT), rows_of(CLICK_SESSION)),
    )
    weeks = product_week(rows_of(PRODUCT), sources, date.fromisoformat(spec["as_of_date"]))
    replace_rows(session, weeks, PRODUCT_WEEK, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(PRODUCT_WEEK.identifier, rows, rows)])
