"""Does other jobs' work as it is offered, in a stream that goes on or ends when nothing is left.

An offer names a job and is the document that this job is told, so a stream writes what a batch
would have written, by the same code. See `spark.offers` for how an offer comes and goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.offers import follow

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Do what is on offer; see `spark.offers`."""
    follow(session, spec, report)
