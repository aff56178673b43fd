"""What products cost and where they were shown, by business week.

A business week runs from Monday to Sunday and is known by its Monday. Week 1 of a year is the week
that holds 1 January, so its Monday may lie in the year before.
"""

from __future__ import annotations

from spark.tables.curated.lineage import LINEAGE
from spark.tables.model import Column, Table

WEEK_START = Column("week_start", "date", "Monday of the business week.", nullable=False)
BUSINESS_WEEK = Column("business_week", "int", "Number of the week in its year, from 1.")
SHELF_PRICE = Column(
    "shelf_price",
    "decimal(12,2)",
    "USD for one unit without a loyalty card: the price on most of the week's sales lines, the "
    "lowest of several.",
)
LOYALTY_PRICE = Column(
    "loyalty_price",
    "decimal(12,2)",
    "USD for one unit with a loyalty card: the price on most of the week's sales lines, the lowest "
    "of several.",
)

PRICE_WEEK = Table(
    zone="curated",
    name="price_week",
    doc="The usual price of each product in each week that it was sold in, over all stores.",
    grain="one row per product and business week",
    owner="pricing",
    key=("product_id", "week_start"),
    columns=(
        Column("product_id", "bigint", "Product.", nullable=False),
        WEEK_START,
        BUSINESS_WEEK,
        SHELF_PRICE,
        LOYALTY_PRICE,
        Column("price_lines", "bigint", "Sales lines that the prices were taken from."),
        *LINEAGE,
    ),
    partition=("month(week_start)",),
)

PROMOTION_WEEK = Table(
    zone="curated",
    name="promotion_week",
    doc="Where each product was displayed or mailed, by store and week. A product that "
    "two rows of a delivery place in one store and week is one row with all of its places.",
    grain="one row per product, store and business week",
    owner="pricing",
    key=("product_id", "store_id", "week_start"),
    columns=(
        Column("product_id", "bigint", "Product.", nullable=False),
        Column("store_id", "bigint", "Store.", nullable=False),
        WEEK_START,
        BUSINESS_WEEK,
        Column("is_on_display", "boolean", "True when it stood on a display.", nullable=False),
        Column("is_in_mailer", "boolean", "True when it was in the mailer.", nullable=False),
        Column(
            "display_locations",
            "string",
            "Codes of the displays, in order, joined by +; null when it stood on none.",
        ),
        Column(
            "mailer_locations",
            "string",
            "Codes of the places in the mailer, in order, joined by +; null when it was in none.",
        ),
        *LINEAGE,
    ),
    partition=("month(week_start)",),
)
