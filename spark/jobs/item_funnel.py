"""Makes `item_funnel` anew, every closed week as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, ITEM_FUNNEL, SALES_LINE
from spark.transforms.item_funnel import item_funnel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by all weeks that are closed on the spec's day, in one commit."""
    inputs = [CLICK_EVENT, CLICK_SESSION, SALES_LINE]
    publish_derived(session, spec, report, ITEM_FUNNEL, inputs, item_funnel)
