"""Makes `purchase_attribution` anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PURCHASE_ATTRIBUTION,
    SALES_LINE,
)
from spark.transforms.purchase_attribution import purchase_attribution

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the attributed lines up to the spec's day, in one commit."""
    lines, events, sessions, interactions = (
        session.table(spec["inputs"][table.identifier])
        for table in (SALES_LINE, CLICK_EVENT, CLICK_SESSION, INTERACTION)
    )
    as_of = date.fromisoformat(spec["as_of_date"])
    made = purchase_attribution(lines, events, sessions, interactions, as_of)
    replace_rows(session, made, PURCHASE_ATTRIBUTION, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(PURCHASE_ATTRIBUTION.identifier, rows, rows)])
