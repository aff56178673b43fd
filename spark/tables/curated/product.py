"""Products as the catalogue lists them, and as the tills knew them before the catalogue did."""

from __future__ import annotations

from spark.tables.curated.lineage import LINEAGE
from spark.tables.model import Column, Table

PRODUCT_ATTRIBUTES = (
    Column("product_id", "bigint", "Product, as every source knows it.", nullable=False),
    Column("manufacturer_id", "bigint", "Maker of the product; null for unknown members."),
    Column("department", "string", "Top of the product hierarchy."),
    Column("product_category", "string", "Middle of the product hierarchy."),
    Column("product_type", "string", "Lowest level of the product hierarchy."),
    Column("brand", "string", "National or Private, as the catalogue says."),
    Column("package_size", "string", "Size as printed on the package, unparsed."),
    Column(
        "is_fuel",
        "boolean",
        "True for motor fuel, whose sold quantity is a volume and not a count.",
        nullable=False,
    ),
    Column(
        "is_unknown_member",
        "boolean",
        "True for a product that was sold but that the catalogue does not list (yet).",
        nullable=False,
    ),
)

PRODUCT = Table(
    zone="curated",
    name="product",
    doc="Every product that the catalogue lists or that was sold, with its place in the hierarchy.",
    grain="one row per product",
    owner="product-data",
    key=("product_id",),
    columns=(*PRODUCT_ATTRIBUTES, *LINEAGE),
)
