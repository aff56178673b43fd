"""Takes changes of households and their demographics into `customer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.deletions import deleted_keys
from spark.publishing import batch_results, merge_rows, required_batches
from spark.tables.curated import CUSTOMER
from spark.transforms.customer import customers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    frames = {
        name: required_batches(session, spec, name) for name in ("crm.household", "crm.demographic")
    }
    rows = customers(frames["crm.household"], frames["crm.demographic"])
    gone = deleted_keys(frames["crm.household"], CUSTOMER.key)
    merge_rows(session, rows, CUSTOMER, spec["target"], deleted=gone)
    report.results(batch_results(spec, CUSTOMER.identifier, frames))
