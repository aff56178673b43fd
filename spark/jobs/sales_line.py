"""Takes changes of sales lines and receipts into `sales_line`, each line with its receipt.

What a run costs follows what is new: of the lines, new changes are read, and the published lines of
receipts that changed; of the table, the months in which those receipts ever were. Receipts are read
whole, in few columns, as a line may come long after its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.current import gone_keys
from spark.deletions import bury, opens_epoch, unburied
from spark.publishing import batch_results, merge_rows, read_batches, required_batches
from spark.tables.curated import SALES_LINE
from spark.transforms.sales_line import (
    KEY,
    days_of,
    lines_again,
    only_lines,
    receipts_of,
    sales_lines,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report

LINES, BASKETS = "pos.sales_line", "pos.basket"
_DAY = f"{SALES_LINE.name}.business_date"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every new batch of the spec into the target, in one commit."""
    lines = read_batches(session, spec, LINES, only_new=True)
    baskets = required_batches(session, spec, BASKETS)
    if lines is not None:
        bury(session, lines, SALES_LINE, spec["tombstones"])
    changes = _changes(session, spec, lines)
    receipts = baskets if _is_first(session, spec) else receipts_of(changes, baskets)
    products = session.table(spec["product"])
    rows = sales_lines(changes, receipts, products, spec["time_zone"])
    merge_rows(
        session,
        unburied(session, rows, SALES_LINE, spec["tombstones"]),
        SALES_LINE,
        spec["target"],
        deleted=gone_keys(session.table(spec["target"]), spec, LINES, changes, KEY),
        within=lambda: _within(spec, changes, receipts),
    )
    new = {LINES: lines, BASKETS: read_batches(session, spec, BASKETS, only_new=True)}
    report.results(batch_results(spec, SALES_LINE.identifier, new))


def _changes(session: SparkSession, spec: dict[str, Any], lines: DataFrame | None) -> DataFrame:
    """New changes of lines, and the published lines of receipts that changed."""
    published = session.table(spec["target"])
    receipts = read_batches(session, spec, BASKETS, only_new=True)
    if lines is not None and (receipts is None or _is_first(session, spec)):
        return only_lines(lines)
    if receipts is None:
        # Nothing that is new counts any more, and the table still has to say that it knows of it.
        receipts = required_batches(session, spec, BASKETS).where("1 = 0")
    again = lines_again(published, receipts, since=spec["inputs"][LINES].get("epoch", ""))
    return again if lines is None else only_lines(lines).unionAll(again)


def _is_first(session: SparkSession, spec: dict[str, Any]) -> bool:
    return session.table(spec["target"]).count() == 0


def _within(spec: dict[str, Any], changes: DataFrame, baskets: DataFrame) -> list[str]:
    """Where in the table the changes can meet a line: a line without a receipt has no day."""
    if opens_epoch(spec, LINES) or opens_epoch(spec, BASKETS):
        return []
    days = days_of(changes, baskets, spec["time_zone"])
    if days is None:
        return [f"{_DAY} IS NULL"]
    first, last = days
    return [f"({_DAY} IS NULL OR {_DAY} BETWEEN DATE '{first}' AND DATE '{last}')"]
