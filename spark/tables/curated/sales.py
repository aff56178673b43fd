"""What passed the tills, and the stores that the tills stand in."""

from __future__ import annotations

from spark.tables.curated.lineage import LINEAGE
from spark.tables.model import Column, Table

SALES_LINE = Table(
    zone="curated",
    name="sales_line",
    doc="Every product line of every till receipt, in units and to the cent.",
    grain="one row per basket and product",
    owner="sales-data",
    key=("basket_id", "product_id"),
    columns=(
        Column("basket_id", "bigint", "Till receipt.", nullable=False),
        Column("product_id", "bigint", "Product sold.", nullable=False),
        Column(
            "household_id",
            "bigint",
            "Household that bought.",
            tag="pseudonym",
            subject="customer",
            erasure="anonymise",
        ),
        Column("store_id", "bigint", "Store."),
        Column("sold_at", "timestamp", "Time of sale, UTC."),
        Column("business_date", "date", "Day of sale in the shop's own time zone."),
        Column("business_week", "int", "Week number as the till system counts it."),
        Column("quantity", "bigint", "Quantity as delivered; a volume for fuel."),
        Column("units", "bigint", "Pieces sold; null for fuel, which is not counted."),
        Column("is_fuel", "boolean", "True for motor fuel.", nullable=False),
        Column(
            "is_known_product",
            "boolean",
            "False when the catalogue did not list the product as the line was published.",
            nullable=False,
        ),
        Column("sales_value", "decimal(12,2)", "Amount received by the retailer, USD."),
        Column("retail_discount", "decimal(12,2)", "Discount by the loyalty card, USD, positive."),
        Column("coupon_discount", "decimal(12,2)", "Manufacturer's coupons, USD, positive."),
        Column("coupon_match_discount", "decimal(12,2)", "Retailer's coupon match, USD, positive."),
        *LINEAGE,
    ),
    partition=("month(business_date)",),
)

STORE = Table(
    zone="curated",
    name="store",
    doc="Every store that sold or promoted anything, with what its tills and promotions say of it. "
    "No source keeps stores: this is all that is known.",
    grain="one row per store, as of one day",
    owner="store-systems",
    key=("store_id",),
    columns=(
        Column("store_id", "bigint", "Store, as tills and promotions know it.", nullable=False),
        Column("as_of_date", "date", "Last business day that counts.", nullable=False),
        Column("first_sale_date", "date", "First business day with a sale; null without sales."),
        Column("last_sale_date", "date", "Last business day with a sale; null without sales."),
        Column("trading_days", "bigint", "Business days with a sale.", nullable=False),
        Column("baskets", "bigint", "Till receipts.", nullable=False),
        Column("households", "bigint", "Households that bought.", nullable=False),
        Column("products_sold", "bigint", "Products that were sold at least once.", nullable=False),
        Column("revenue", "decimal(18,2)", "Sales value, USD.", nullable=False),
        Column(
            "promotion_weeks",
            "bigint",
            "Business weeks in which it displayed or mailed anything.",
            nullable=False,
        ),
        Column(
            "first_promotion_week",
            "date",
            "Monday of the first week with a promotion; null without promotions.",
        ),
        Column(
            "has_promotions",
            "boolean",
            "False for stores of which no promotion is known: that is silence, not absence.",
            nullable=False,
        ),
    ),
)
