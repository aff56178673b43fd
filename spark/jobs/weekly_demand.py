"""Makes `weekly_demand`, the forecaster's training set, anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import SALES_LINE
from spark.tables.forecast import WEEKLY_DEMAND
from spark.transforms.weekly_demand import weekly_demand

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the demand up to the spec's day, in one commit."""
    lines = session.table(spec["inputs"][SALES_LINE.identifier])
    demand = weekly_demand(lines, date.fromisoformat(spec["as_of_date"]))
    replace_rows(session, demand, WEEKLY_DEMAND, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(WEEKLY_DEMAND.identifier, rows, rows)])
