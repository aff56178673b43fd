"""Takes the catalogue's changes, and products that are sold without being in it, into `product`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.deletions import IS_DELETE, deleted_keys, opens_epoch, superseded_keys
from spark.publishing import batch_results, merge_rows, read_batches, required_batches
from spark.tables.curated import PRODUCT
from spark.transforms.product import listed_products, unknown_members

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

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
    delisted = _delisted(session, spec, catalogue)
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


def _delisted(session: SparkSession, spec: dict[str, Any], catalogue: DataFrame) -> DataFrame:
    """Products that were deleted from the catalogue, one by one or by a load that lacks them."""
    deleted = deleted_keys(catalogue, PRODUCT.key)
    if not opens_epoch(spec, CATALOGUE):
        return deleted
    listed = session.table(spec["target"]).where("NOT is_unknown_member")
    epoch = spec["inputs"][CATALOGUE]["epoch"]
    return deleted.unionAll(superseded_keys(listed, catalogue, PRODUCT.key, epoch))
