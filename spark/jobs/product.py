"""Takes the catalogue's changes, and products that are sold without being in it, into `product`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.current import gone_keys
from spark.deletions import IS_DELETE, opens_epoch
from spark.publishing import batch_results, merge_rows, read_batches, required_batches
from spark.tables.curated import PRODUCT
from spark.transforms.product import listed_products, unknown_members

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report

CATALOGUE, HIERARCHY, SOLD = "catalog.product", "catalog.product_hierarchy", "pos.sales_line"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every new batch of the spec into the target, in one commit.

    The catalogue is small and read whole. Of the sales, new ones can hold a product that it does
    not list; only when it has lost one, all of them are asked whether it was ever sold.
    """
    catalogue = required_batches(session, spec, CATALOGUE)
    hierarchy = required_batches(session, spec, HIERARCHY)
    sold = read_batches(session, spec, SOLD, only_new=not _loses_products(session, spec))
    rows = listed = listed_products(catalogue, hierarchy)
    published = session.table(spec["target"]).where("NOT is_unknown_member")
    delisted = gone_keys(published, spec, CATALOGUE, catalogue, PRODUCT.key)
    if sold is not None:
        unknown = unknown_members(sold, listed, delisted)
        rows = listed.unionByName(unknown)
        delisted = delisted.join(unknown.select("product_id"), on="product_id", how="left_anti")
    merge_rows(session, rows, PRODUCT, spec["target"], deleted=delisted)
    frames = {CATALOGUE: catalogue, HIERARCHY: hierarchy, SOLD: sold}
    report.results(batch_results(spec, PRODUCT.identifier, frames))


def _loses_products(session: SparkSession, spec: dict[str, Any]) -> bool:
    new = read_batches(session, spec, CATALOGUE, only_new=True)
    deletes = new is not None and new.where(IS_DELETE).count() > 0
    return deletes or opens_epoch(spec, CATALOGUE)
