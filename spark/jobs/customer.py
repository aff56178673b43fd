"""Takes changes of households and their demographics into `customer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.current import publish_current
from spark.deletions import deleted_keys
from spark.tables.curated import CUSTOMER
from spark.transforms.customer import customers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    publish_current(
        session,
        spec,
        report,
        CUSTOMER,
        ["crm.household", "crm.demographic"],
        rows=customers,
        gone=lambda households, _: deleted_keys(households, CUSTOMER.key),
    )
