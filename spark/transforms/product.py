"""Products: the catalogue joined with its hierarchy, and a visible row for what it does not list.

Motor fuel is recognised by what the catalogue says of it: department FUEL, or a type that begins
with GASOLINE (a share of the fuel is filed under MISCELLANEOUS). Every sale of more than 144 pieces
in the source data is one of these; no other type begins so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.fold import joined_lineage, latest_changes, standing

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

UNKNOWN = "UNKNOWN"


def listed_products(products: DataFrame, hierarchy: DataFrame) -> DataFrame:
    """Rows of `curated.product` for everything the catalogue lists.

    Args:
        products: clean changes of the catalogue's products.
        hierarchy: clean changes of the catalogue's hierarchy.
    """
    latest = standing(latest_changes(products, ["product_id"]))
    places = standing(latest_changes(hierarchy, ["hierarchy_id"]))
    return (
        latest.alias("p")
        .join(places.alias("h"), on=F.col("p.hierarchy_id") == F.col("h.hierarchy_id"), how="left")
        .select(
            F.col("p.product_id").alias("product_id"),
            F.col("p.manufacturer_id").alias("manufacturer_id"),
            F.col("h.department").alias("department"),
            F.col("h.product_category").alias("product_category"),
            F.col("h.product_type").alias("product_type"),
            F.col("p.brand").alias("brand"),
            F.col("p.package_size").alias("package_size"),
            is_fuel(F.col("h.department"), F.col("h.product_type")).alias("is_fuel"),
            F.lit(False).alias("is_unknown_member"),
            *joined_lineage("p", "h"),
        )
    )


def unknown_members(
    sales_lines: DataFrame, listed: DataFrame, delisted: DataFrame | None = None
) -> DataFrame:
    """Rows of `curated.product` for products that were sold and that the catalogue does not list.

    Their `_change_order` is empty, or just behind that of their deletion from the catalogue, so
    that the catalogue's own row replaces them when it comes. A product stays once it was sold, also
    when all of its lines are deleted later.

    Args:
        sales_lines: clean changes of sales lines.
        listed: what `listed_products` made.
        delisted: keys that the catalogue has deleted; see `spark.deletions.deleted_keys`.
    """
    sold = sales_lines.where("_operation <> 'D'").groupBy("product_id")
    orphans = sold.agg(F.min("_batch_id").alias("_batch_id")).join(
        listed.select("product_id"), on="product_id", how="left_anti"
    )
    order = F.lit("")
    if delisted is not None:
        ends = F.concat("_change_order", F.lit(" unlisted")).alias("_delisted_at")
        orphans = orphans.join(delisted.select("product_id", ends), on="product_id", how="left")
        order = F.coalesce("_delisted_at", order)
    unknown = F.lit(UNKNOWN)
    return orphans.select(
        "product_id",
        F.lit(None).cast("bigint").alias("manufacturer_id"),
        unknown.alias("department"),
        unknown.alias("product_category"),
        unknown.alias("product_type"),
        unknown.alias("brand"),
        unknown.alias("package_size"),
        F.lit(False).alias("is_fuel"),
        F.lit(True).alias("is_unknown_member"),
        "_batch_id",
        order.alias("_change_order"),
    )


def is_fuel(department: Column, product_type: Column) -> Column:
    """Whether a product is motor fuel; never null."""
    by_department = F.coalesce(department == "FUEL", F.lit(False))
    by_type = F.coalesce(product_type.startswith("GASOLINE"), F.lit(False))
    return by_department | by_type
