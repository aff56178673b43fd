"""What each household does: how lately, how often, how much, where, and with which campaigns."""

from __future__ import annotations

from spark.tables.curated.customer import CUSTOMER
from spark.tables.model import Column, Table

CUSTOMER_ACTIVITY = Table(
    zone="curated",
    name="customer_activity",
    doc="Each household of the loyalty programme by what it did: when it bought last, how often, "
    "for how much, in stores or in the web shop, and what campaigns it was sent and used.",
    grain="one row per household, as of one day",
    owner="customer-insight",
    key=("household_id",),
    columns=(
        CUSTOMER.column("household_id"),
        Column("as_of_date", "date", "Last business day that counts.", nullable=False),
        Column("first_purchase_date", "date", "First business day with a receipt; null if none."),
        Column("last_purchase_date", "date", "Last business day with a receipt; null if none."),
        Column("days_since_last_purchase", "int", "Days from then to as_of_date."),
        Column(
            "activity_stage",
            "string",
            "never_bought; new: first receipt in the last 91 days; lapsed: none in the last 91 "
            "days; else active.",
            nullable=False,
        ),
        Column("baskets_91d", "bigint", "Receipts of the last 91 days.", nullable=False),
        Column(
            "revenue_91d", "decimal(18,2)", "Sales value of the last 91 days, USD.", nullable=False
        ),
        Column("baskets_364d", "bigint", "Receipts of the last 364 days.", nullable=False),
        Column(
            "revenue_364d",
            "decimal(18,2)",
            "Sales value of the last 364 days, USD.",
            nullable=False,
        ),
        Column("shopping_days_364d", "bigint", "Business days with a receipt.", nullable=False),
        Column("stores_364d", "bigint", "Stores that it bought in, in 364 days.", nullable=False),
        Column("products_364d", "bigint", "Products that it bought.", nullable=False),
        Column("basket_value_364d", "double", "Mean sales value of a receipt, USD."),
        Column(
            "discount_share_364d",
            "double",
            "Share of the shelf value that loyalty card and coupon match took off.",
        ),
        Column(
            "recency_score",
            "int",
            "1 to 5, 5 for the fifth of the households bought last; equal households score alike. "
            "Null for those that never bought, like the other two.",
        ),
        Column("frequency_score", "int", "The same by receipts of the last 364 days."),
        Column("monetary_score", "int", "The same by sales value of the last 364 days."),
        Column(
            "visits_91d",
            "bigint",
            "Visits to the web shop in the last 91 days while signed in; bots do not count.",
            nullable=False,
        ),
        Column("visits_364d", "bigint", "The same of 364 days.", nullable=False),
        Column("last_visit_date", "date", "Day of its last visit; null if none is known."),
        Column(
            "online_baskets_364d",
            "bigint",
            "Receipts of the last 364 days that a visit ended in.",
            nullable=False,
        ),
        Column(
            "channels_364d",
            "string",
            "store, web, both, by where its receipts of 364 days came from; none without any.",
            nullable=False,
        ),
        Column(
            "campaigns_364d",
            "bigint",
            "Campaigns that it was sent and that were valid on any of the last 364 days.",
            nullable=False,
        ),
        Column("coupons_used_364d", "bigint", "Coupons that it used in 364 days.", nullable=False),
    ),
)
