"""What was so at which time: one row for each period in which nothing tracked of a key changed.

Periods are half open: a row holds from `valid_from` until just before `valid_to`, and the one that
is current has no end. A key has at most one row at any moment, and none while it was deleted.
"""

from __future__ import annotations

from spark.tables.curated.customer import CUSTOMER
from spark.tables.curated.lineage import LINEAGE
from spark.tables.curated.pricing import PRICE_WEEK
from spark.tables.curated.product import PRODUCT
from spark.tables.model import Column, Table

VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"


def _period(kind: str, begins: str, ends: str) -> tuple[Column, ...]:
    return (
        Column(VALID_FROM, kind, begins, nullable=False),
        Column(VALID_TO, kind, ends),
        Column(IS_CURRENT, "boolean", "True when it has no end yet.", nullable=False),
    )


_BY_THE_SOURCE = _period(
    "timestamp",
    "When it became so, UTC: the source's own time, or midnight of the delivery's day where the "
    "source gives none.",
    "When it ceased to be so, by a change, a deletion or a full load that lacks it, UTC; null "
    "while it holds.",
)

PRODUCT_HISTORY = Table(
    zone="curated",
    name="product_history",
    doc="What the catalogue said of each product, and from when until when it said so.",
    grain="one row per product and period in which the catalogue said the same of it",
    owner="product-data",
    key=("product_id", VALID_FROM),
    columns=(
        PRODUCT.column("product_id"),
        *_BY_THE_SOURCE,
        Column("hierarchy_id", "bigint", "Its place in the catalogue's product hierarchy."),
        *(PRODUCT.column(name) for name in ("manufacturer_id", "brand", "package_size")),
        *LINEAGE,
    ),
)

CUSTOMER_HISTORY = Table(
    zone="curated",
    name="customer_history",
    doc="What each household said of itself, and from when until when it said so.",
    grain="one row per household and period in which its demographics were the same",
    owner="customer-insight",
    key=("household_id", VALID_FROM),
    columns=(
        CUSTOMER.column("household_id"),
        *_BY_THE_SOURCE,
        *(
            CUSTOMER.column(name)
            for name in (
                "age_band",
                "income_band",
                "home_ownership",
                "marital_status",
                "household_size",
                "household_composition",
                "kids_count",
            )
        ),
        *LINEAGE,
    ),
)

PRICE_HISTORY = Table(
    zone="curated",
    name="price_history",
    doc="What each product cost, and from which week until which. A week in which a product was "
    "not sold has no price of its own: the one before is taken to hold.",
    grain="one row per product and run of weeks with the same two prices",
    owner="pricing",
    key=("product_id", VALID_FROM),
    columns=(
        PRICE_WEEK.column("product_id"),
        *_period(
            "date",
            "Monday of the first week with these prices.",
            "Monday of the first week with another price; null while they hold.",
        ),
        PRICE_WEEK.column("shelf_price"),
        PRICE_WEEK.column("loyalty_price"),
        *LINEAGE,
    ),
)
