"""Takes changes of sales lines and receipts into `sales_line`, each line with its receipt.

What a run costs follows what is new: of the lines, new changes are read, and the published lines of
receipts that changed; of the table, the months in which those receipts ever were. Receipts are read
whole, in few columns, as a line may come long after its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.deletions import bury, deleted_keys, unburied
from spark.publishing import batch_results, merge_rows, read_batches, required_batches
from spark.tables.curated import SALES_LINE
from spark.transforms.sales_line import KEY, days_of, lines_again, only_lines, sales_lines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every new batch of the spec into the target, in one commit."""
    target, tombstones, time_zone = spec["target"], spec["tombstones"], spec["time_zone"]
    lines = read_batches(session, spec, "pos.sales_line", only_new=True)
    baskets = required_batches(session, spec, "pos.basket")
    if lines is not None:
        bury(session, lines, SALES_LINE, tombstones)
    changes = _changes(session, spec, lines)
    rows = sales_lines(changes, baskets, session.table(spec["product"]), time_zone)
    merge_rows(
        session,
        unburied(session, rows, SALES_LINE, tombstones),
        SALES_LINE,
        target,
        deleted=deleted_keys(changes, KEY),
        within=lambda: _within(changes, baskets, time_zone),
    )
    frames = {"pos.sales_line": lines, "pos.basket": baskets}
    report.results(batch_results(spec, SALES_LINE.identifier, frames))


def _changes(session: SparkSession, spec: dict[str, Any], lines: DataFrame | None) -> DataFrame:
    """New changes of lines, and the published lines of receipts that changed."""
    published = session.table(spec["target"])
    receipts = read_batches(session, spec, "pos.basket", only_new=True)
    if lines is not None and (receipts is None or published.count() == 0):
        return only_lines(lines)
    again = lines_again(published, required_batches(session, spec, "pos.basket", only_new=True))
    return again if lines is None else only_lines(lines).unionAll(again)


def _within(changes: DataFrame, baskets: DataFrame, time_zone: str) -> list[str]:
    """Where in the table the changes can meet a line: a line without a receipt has no day."""
    days = days_of(changes, baskets, time_zone)
    if days is None:
        return ["t.business_date IS NULL"]
    first, last = days
    dated = f"t.business_date BETWEEN DATE '{first}' AND DATE '{last}'"
    return [f"(t.business_date IS NULL OR {dated})"]
