"""Makes `customer_activity` anew as of one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from spark.publishing import replace_rows, result
from spark.tables.curated import (
    CLICK_SESSION,
    CUSTOMER,
    CUSTOMER_ACTIVITY,
    INTERACTION,
    SALES_LINE,
)
from spark.transforms.customer_activity import customer_activity

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by the households as of the spec's day, in one commit."""
    customers, lines, sessions, interactions = (
        session.table(spec["inputs"][table.identifier])
        for table in (CUSTOMER, SALES_LINE, CLICK_SESSION, INTERACTION)
    )
    as_of = date.fromisoformat(spec["as_of_date"])
    made = customer_activity(customers, lines, sessions, interactions, as_of)
    replace_rows(session, made, CUSTOMER_ACTIVITY, spec["target"])
    rows = int(session.table(spec["target"]).count())
    report.results([result(CUSTOMER_ACTIVITY.identifier, rows, rows)])
