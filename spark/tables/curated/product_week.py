"""Each product week by week: everything that the sources say of it, side by side."""

from __future__ import annotations

from spark.tables.curated.pricing import BUSINESS_WEEK, LOYALTY_PRICE, SHELF_PRICE, WEEK_START
from spark.tables.model import Column, Table

PRODUCT_WEEK = Table(
    zone="curated",
    name="product_week",
    doc="What was sold, charged, promoted, redeemed and looked at, by product and closed week. A "
    "week has a row when any of these happened.",
    grain="one row per product and closed business week",
    owner="product-data",
    key=("product_id", "week_start"),
    columns=(
        Column("product_id", "bigint", "Product.", nullable=False),
        WEEK_START,
        BUSINESS_WEEK,
        Column("units", "bigint", "Pieces sold; null for fuel, which is not counted."),
        Column("revenue", "decimal(18,2)", "Sales value, USD.", nullable=False),
        Column("baskets", "bigint", "Till receipts with the product.", nullable=False),
        Column("households", "bigint", "Households that bought it.", nullable=False),
        Column("stores", "bigint", "Stores that sold it.", nullable=False),
        Column(
            "shelf_value",
            "decimal(18,2)",
            "What the sold pieces would have brought without loyalty card and coupon match, USD: "
            "sales value plus both discounts.",
            nullable=False,
        ),
        Column(
            "coupon_discount",
            "decimal(18,2)",
            "Manufacturer's coupons, USD; part of the sales value, as the maker pays it.",
            nullable=False,
        ),
        SHELF_PRICE,
        LOYALTY_PRICE,
        Column("stores_on_display", "bigint", "Stores that displayed it.", nullable=False),
        Column("stores_in_mailer", "bigint", "Stores whose mailer showed it.", nullable=False),
        Column("stores_promoted", "bigint", "Stores that did either.", nullable=False),
        Column("is_promoted", "boolean", "True when any store did.", nullable=False),
        Column(
            "coupon_redemptions",
            "bigint",
            "Coupons good for it that were used by a household which bought it that local day.",
            nullable=False,
        ),
        Column("views", "bigint", "Views in the web shop; bots are not counted.", nullable=False),
        Column("cart_additions", "bigint", "Times it was put in a cart there.", nullable=False),
        Column("online_purchases", "bigint", "Purchases of it there.", nullable=False),
    ),
    partition=("month(week_start)",),
)
