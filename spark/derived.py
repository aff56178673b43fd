"""Makes a table anew from published tables, as of one day: read, make, replace, report.

A job that brings its table up to date does so here where it cannot, and tells here what it did.

The hazard is to count what was published by reading the table: what a job commits may wait on a
branch until it is audited, and the table still is what it was. So the write itself says how many
rows it wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.days import day_of
from spark.publishing import replace_rows, result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Callable

    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report
    from spark.tables import Table


def publish_derived(
    session: SparkSession,
    spec: Mapping[str, Any],
    report: Report,
    table: Table,
    inputs: Sequence[Table],
    rows: Callable[..., DataFrame],
) -> None:
    """Replace the spec's target by what is made of the inputs as of its day, in one commit.

    Args:
        session: the engine's session.
        spec: the job's document.
        report: gets one result.
        table: what the target is.
        inputs: the published tables that it is made of.
        rows: makes the table's rows of the inputs, in their order, and the day.
    """
    read = [session.table(spec["inputs"][each.identifier]) for each in inputs]
    made = rows(*read, day_of(spec))
    written = replace_rows(session, made, table, spec["target"])
    report.results([result(table.identifier, written, written)])


def report_anew(report: Report, table: Table, what: str, count: int) -> None:
    """Tell how many of something were made anew; `what` is what a report calls them.

    Without column lineage, which would be the table's own: it is what it was when all were made.
    """
    told = result(table.identifier, count, count)
    report.results([{**told, "details": {what: str(count)}}])
