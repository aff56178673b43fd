"""Makes `item_funnel` anew, every closed week as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, ITEM_FUNNEL, SALES_LINE
from spark.transforms.item_funnel import item_funnel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by all weeks that are closed on the spec's day, in one commit."""
    events, sessions, lines = (
        session.table(spec["inputs"][table.identifier])
        for table in (CLICK_EVENT, CLICK_SESSION, SALES_LINE)
    )
    made = item_funnel(events, sessions, lines, date.fromisoformat(spec["as_of_date"]))
    replace_rows(session, made, ITEM_FUNNEL, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(ITEM_FUNNEL.identifier, rows, rows)])
