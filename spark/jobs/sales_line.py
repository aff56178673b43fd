"""Takes changes of sales lines into `sales_line`, each with its receipt and what its product is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.publishing import batch_results, merge_rows, required_batches
from spark.tables.curated import SALES_LINE
from spark.transforms.sales_line import sales_lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    frames = {
        name: required_batches(session, spec, name) for name in ("pos.sales_line", "pos.basket")
    }
    rows = sales_lines(
        frames["pos.sales_line"],
        frames["pos.basket"],
        session.table(spec["product"]),
        spec["time_zone"],
    )
    merge_rows(session, rows, SALES_LINE, spec["target"])
    report.results(batch_results(spec, SALES_LINE.identifier, frames))
