"""The curated zone's tables: what the business reads about products, customers and sales.

Each column is described here and nowhere else. Columns that begin with an underscore are lineage:
they say which delivery a row came from, and content digests leave them out.
"""

from __future__ import annotations

from spark.tables.model import Column, Table

WINDOW_DAYS = (7, 28, 91, 364)

BATCH_ID = Column("_batch_id", "string", "Batch that delivered the row's latest change.")
CHANGE_ORDER = Column(
    "_change_order",
    "string",
    "Place of the row's latest change in its source's history: epoch, commit time, sequence.",
)
_LINEAGE = (BATCH_ID, CHANGE_ORDER)

_PRODUCT_ATTRIBUTES = (
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
    columns=(*_PRODUCT_ATTRIBUTES, *_LINEAGE),
)

CUSTOMER = Table(
    zone="curated",
    name="customer",
    doc="Every household of the loyalty programme, with its demographics where they are known.",
    grain="one row per household",
    owner="customer-insight",
    key=("household_id",),
    columns=(
        Column("household_id", "bigint", "Household.", nullable=False, tag="pseudonym"),
        Column("first_seen_at", "timestamp", "When the household first shopped, UTC."),
        Column("age_band", "string", "Age range of the head of household.", tag="personal"),
        Column("income_band", "string", "Yearly income range.", tag="personal"),
        Column("home_ownership", "string", "Homeowner, renter …", tag="personal"),
        Column("marital_status", "string", "Marital status.", tag="personal"),
        Column("household_size", "string", "People in the household, 5+ for more.", tag="personal"),
        Column("household_composition", "string", "Who lives together.", tag="personal"),
        Column("kids_count", "string", "Children, 3+ for more.", tag="personal"),
        Column(
            "has_demographics",
            "boolean",
            "True when the customer system knows the household's demographics.",
            nullable=False,
        ),
        *_LINEAGE,
    ),
)

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
        Column("household_id", "bigint", "Household that bought.", tag="pseudonym"),
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
        *_LINEAGE,
    ),
    partition=("month(business_date)",),
)


def _window_columns(days: int) -> tuple[Column, ...]:
    """What one trailing window of `days` days says about a product."""
    last = f"in the {days} days that end with as_of_date"
    return (
        Column(f"units_{days}d", "bigint", f"Pieces sold {last}; fuel is not counted."),
        Column(f"revenue_{days}d", "decimal(18,2)", f"Sales value {last}, USD."),
        Column(f"baskets_{days}d", "bigint", f"Till receipts with the product {last}."),
        Column(f"households_{days}d", "bigint", f"Households that bought {last}."),
        Column(
            f"repeat_rate_{days}d",
            "double",
            f"Share of buying households with two or more receipts {last}; null without buyers.",
        ),
    )


PRODUCT_360 = Table(
    zone="curated",
    name="product_360",
    doc="Each product as the business sees it on one day: attributes and sales behaviour.",
    grain="one row per product, as of one day",
    owner="product-data",
    key=("product_id",),
    columns=(
        *_PRODUCT_ATTRIBUTES,
        Column("as_of_date", "date", "Last business day that the windows include."),
        Column("first_sale_date", "date", "First business day with a sale; null if never sold."),
        Column("last_sale_date", "date", "Last business day with a sale; null if never sold."),
        *(column for days in WINDOW_DAYS for column in _window_columns(days)),
    ),
)
