"""Takes the catalogue's changes, and products that are sold without being in it, into `product`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.publishing import batch_results, merge_rows, read_batches, required_batches
from spark.tables.curated import PRODUCT
from spark.transforms.product import listed_products, unknown_members

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit."""
    catalogue = required_batches(session, spec, "catalog.product")
    hierarchy = required_batches(session, spec, "catalog.product_hierarchy")
    sold = read_batches(session, spec, "pos.sales_line")
    listed = listed_products(catalogue, hierarchy)
    rows = listed if sold is None else listed.unionByName(unknown_members(sold, listed))
    merge_rows(session, rows, PRODUCT, spec["target"])
    frames = {
        "catalog.product": catalogue,
        "catalog.product_hierarchy": hierarchy,
        "pos.sales_line": sold,
    }
    report.results(batch_results(spec, PRODUCT.identifier, frames))
