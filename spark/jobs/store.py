"""Makes `store` anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import PROMOTION_WEEK, SALES_LINE, STORE
from spark.transforms.store import stores

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the stores as of the spec's day, in one commit."""
    lines = session.table(spec["inputs"][SALES_LINE.identifier])
    promotions = session.table(spec["inputs"][PROMOTION_WEEK.identifier])
    known = stores(lines, promotions, date.fromisoformat(spec["as_of_date"]))
    replace_rows(session, known, STORE, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(STORE.identifier, rows, rows)])
