"""How demand for a product answered to its price."""

from __future__ import annotations

from spark.tables.model import Column, Table

PRICE_ELASTICITY = Table(
    zone="curated",
    name="price_elasticity",
    doc="By how many per cent a product's weekly pieces differed where its price was one per cent "
    "higher: a historical association, not a causal estimate. Fitted over the last 52 closed weeks "
    "with effects of product, week, display and mailer, and drawn to the product's category. Where "
    "the weeks cannot tell, there is no number but the reason.",
    grain="one row per product sold in the last 52 closed weeks, as of one day",
    owner="pricing",
    key=("product_id",),
    columns=(
        Column("product_id", "bigint", "Product.", nullable=False),
        Column("as_of_date", "date", "Last business day that counts.", nullable=False),
        Column(
            "status",
            "string",
            "estimated, or why there is no elasticity. sold_by_volume: fuel, which counts no "
            "pieces. too_few_weeks: sold at a known price in fewer than ten weeks. "
            "insufficient_price_variation: the standard deviation of its ln price is below 0.03.",
            nullable=False,
        ),
        Column(
            "selling_weeks",
            "bigint",
            "Weeks in which pieces were sold at a known loyalty price.",
            nullable=False,
        ),
        Column("lowest_price", "decimal(12,2)", "Lowest loyalty price of those weeks, USD."),
        Column(
            "highest_price",
            "decimal(12,2)",
            "Highest one, USD. Beyond these two the elasticity says nothing.",
        ),
        Column("price_variation", "double", "Standard deviation of ln price over those weeks."),
        Column(
            "elasticity",
            "double",
            "Per cent more pieces for one per cent more price: the product's own, drawn to its "
            "category's the more the less its weeks can tell, and never above zero.",
        ),
        Column("standard_error", "double", "Of the elasticity, before zero became its limit."),
        Column(
            "is_clamped",
            "boolean",
            "True when it would be above zero: dearer and sold more is a coincidence.",
        ),
        Column("own_elasticity", "double", "From the product's own weeks alone."),
        Column("own_standard_error", "double", "Of own_elasticity."),
        Column(
            "category_elasticity",
            "double",
            "Mean of its department and category, itself drawn to that of all products.",
        ),
        Column("category_products", "bigint", "Products that this mean was estimated from."),
        Column("pooled_elasticity", "double", "Of all products with enough weeks together."),
        Column(
            "display_effect",
            "double",
            "Of all products: ln pieces more when displayed in all stores that promote.",
        ),
        Column(
            "mailer_effect",
            "double",
            "Of all products: ln pieces more when mailed by all stores that promote.",
        ),
    ),
)
