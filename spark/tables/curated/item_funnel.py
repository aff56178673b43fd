"""From looking to buying in the web shop: how far visits got with each item, and what led there."""

from __future__ import annotations

from spark.tables.curated.pricing import WEEK_START
from spark.tables.curated.sales import SALES_LINE
from spark.tables.model import Column, Table

ITEM_FUNNEL = Table(
    zone="curated",
    name="item_funnel",
    doc="How many visits to the web shop looked at an item, put it in the cart and bought it, by "
    "item and closed week. A visit counts once at each step, so a rate is a share of visits; bots "
    "do not count. A visit is of the week in which it began.",
    grain="one row per product and closed business week in which a visit touched it",
    owner="web",
    key=("product_id", "week_start"),
    columns=(
        Column("product_id", "bigint", "Product.", nullable=False),
        WEEK_START,
        Column("visits", "bigint", "Visits that took any of the steps.", nullable=False),
        Column("visits_viewing", "bigint", "Visits that looked at it.", nullable=False),
        Column("visits_carting", "bigint", "Visits that put it in the cart.", nullable=False),
        Column("visits_buying", "bigint", "Visits that bought it.", nullable=False),
        Column(
            "visits_viewing_and_carting",
            "bigint",
            "Visits that looked at it and put it in the cart.",
            nullable=False,
        ),
        Column(
            "visits_carting_and_buying",
            "bigint",
            "Visits that put it in the cart and bought it.",
            nullable=False,
        ),
        Column(
            "visits_viewing_and_buying",
            "bigint",
            "Visits that looked at it and bought it.",
            nullable=False,
        ),
        Column(
            "abandoned_carts",
            "bigint",
            "Visits that put it in the cart and did not buy it.",
            nullable=False,
        ),
        Column("view_to_cart_rate", "double", "Share of viewing visits that put it in the cart."),
        Column("cart_to_purchase_rate", "double", "Share of carting visits that bought it."),
        Column("view_to_purchase_rate", "double", "Share of viewing visits that bought it."),
        Column(
            "online_revenue",
            "decimal(18,2)",
            "Sales value of its lines on the receipts that those visits ended in, USD.",
            nullable=False,
        ),
    ),
    partition=("month(week_start)",),
)

COUPON, VISIT, EARLIER_VISIT, CAMPAIGN = "coupon", "visit", "earlier_visit", "campaign"

PURCHASE_ATTRIBUTION = Table(
    zone="curated",
    name="purchase_attribution",
    doc="Sales lines that something led to, as far as is known: a coupon that was used, the visit "
    "in which it was bought, a visit of the household that touched the product in the seven days "
    "before, or a valid campaign that offered it to the household. What came last gets the credit; "
    "it says what went before and not what caused the sale. Lines without any have no row.",
    grain="one row per basket and product that anything led to",
    owner="marketing",
    key=("basket_id", "product_id"),
    columns=(
        Column("basket_id", "bigint", "Till receipt.", nullable=False),
        Column("product_id", "bigint", "Product sold.", nullable=False),
        SALES_LINE.column("household_id"),
        Column("business_date", "date", "Day of sale in the shop's own time zone."),
        Column("sales_value", "decimal(12,2)", "Amount received by the retailer, USD."),
        Column(
            "attributed_to",
            "string",
            "coupon: one that was good for it was used that day by that household. visit: bought "
            "in the web shop. earlier_visit or campaign: whichever of the two began later, the "
            "visit on the same day.",
            nullable=False,
        ),
        Column("coupons_used", "bigint", "Coupons good for it used that day.", nullable=False),
        Column("session_id", "string", "Visit that ended in the receipt and bought it."),
        Column(
            "earlier_visits_7d",
            "bigint",
            "Other visits of the household, signed in, that began in the seven days before the day "
            "of sale and looked at it or put it in the cart.",
            nullable=False,
        ),
        Column("first_visit_date", "date", "Day on which the first of those began."),
        Column("last_visit_date", "date", "Day on which the last of those began."),
        Column(
            "campaigns",
            "bigint",
            "Campaigns valid that day that offered it and were sent to the household.",
            nullable=False,
        ),
        Column(
            "campaign_id",
            "bigint",
            "The one of those that began last, the greatest id of several.",
        ),
        Column("campaign_start_date", "date", "Day on which that one began."),
    ),
    partition=("month(business_date)",),
)
