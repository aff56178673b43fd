"""Takes changes of households' demographics into `customer_history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.histories import publish_history
from spark.transforms.customer_history import HISTORY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Bring every key that the new batches touch up to date, in one commit."""
    publish_history(session, spec, report, HISTORY)
