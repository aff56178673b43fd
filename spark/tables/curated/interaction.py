"""Contacts between the retailer's campaigns and the households."""

from __future__ import annotations

from spark.tables.curated.lineage import LINEAGE
from spark.tables.model import Column, Table

TARGET, OFFER, REDEMPTION = "target", "offer", "redemption"

INTERACTION = Table(
    zone="curated",
    name="interaction",
    doc="Everything that campaigns did: whom each was sent to (target), which products its coupons "
    "are good for (offer), and which coupons were used (redemption), with the receipt on which it "
    "happened.",
    grain="one row per targeted household, offered product or used coupon of a campaign",
    owner="marketing",
    key=("interaction_id",),
    columns=(
        Column(
            "interaction_id",
            "string",
            "Its type and the ids of what it connects, joined by slashes.",
            nullable=False,
            tag="pseudonym",
        ),
        Column("interaction_type", "string", "target, offer or redemption.", nullable=False),
        Column("campaign_id", "bigint", "Campaign.", nullable=False),
        Column("campaign_type", "string", "How the campaign chose its coupons: Type A, B or C."),
        Column("campaign_start_date", "date", "First day on which its coupons are valid."),
        Column("campaign_end_date", "date", "Last day on which its coupons are valid."),
        Column(
            "interaction_date",
            "date",
            "Local day: the campaign's first day for targets and offers, the day of use for "
            "redemptions.",
        ),
        Column(
            "household_id",
            "bigint",
            "Household; null for offers.",
            tag="pseudonym",
            subject="customer",
        ),
        Column("coupon_upc", "string", "Bar code of the coupon; null for targets."),
        Column("product_id", "bigint", "Product that the coupon is good for; offers only."),
        Column(
            "basket_id",
            "bigint",
            "Redemptions: the household's receipt of that local day with the most products that "
            "the coupon is good for, the least id of several; null when it bought nothing.",
        ),
        Column("baskets_on_day", "bigint", "Redemptions: the household's receipts of that day."),
        Column(
            "offered_products_bought",
            "bigint",
            "Redemptions: products that the coupon is good for on all of those receipts.",
        ),
        Column(
            "offered_sales_value",
            "decimal(18,2)",
            "Redemptions: what the retailer received for those products that day, USD.",
        ),
        Column(
            "offered_coupon_discount",
            "decimal(18,2)",
            "Redemptions: manufacturer's coupons on those products that day, USD. Zero is common: "
            "the tills do not always say which line a coupon was for.",
        ),
        *LINEAGE,
    ),
)
