"""Each product as the business sees it on one day."""

from __future__ import annotations

from spark.tables.curated.product import PRODUCT_ATTRIBUTES
from spark.tables.model import Column, Table

WINDOW_DAYS = (7, 28, 91, 364)


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


_LIFECYCLE = (
    Column("first_sale_date", "date", "First business day with a sale; null if never sold."),
    Column("last_sale_date", "date", "Last business day with a sale; null if never sold."),
    Column("days_since_last_sale", "int", "Days from last_sale_date to as_of_date."),
    Column("weeks_sold_364d", "bigint", "Closed weeks of the last 52 with a sale."),
    Column(
        "lifecycle_stage",
        "string",
        "never_sold; new: first sold in the last 91 days; dormant: not sold in the last 91 days; "
        "growing or declining: revenue of the last 91 days is above that of the 91 days before by "
        "at least a quarter, or below it by at least a fifth; else stable.",
        nullable=False,
    ),
)

_PRICE = (
    Column("shelf_price", "decimal(12,2)", "Usual price without a card in priced_week, USD."),
    Column("loyalty_price", "decimal(12,2)", "Usual price with a card in priced_week, USD."),
    Column("priced_week", "date", "Monday of the last closed week that has a price."),
    Column(
        "price_changes_364d",
        "bigint",
        "Priced weeks of the last 52 whose shelf price differs from that of the priced week "
        "before.",
    ),
    Column(
        "category_price_index",
        "double",
        "Shelf price over the mean shelf price of the priced products of its department and "
        "category; 1 is the mean. Package sizes differ, so compare within one type. Null without "
        "a price or a category.",
    ),
)

_PROMOTION = (
    Column(
        "discount_depth_91d",
        "double",
        "Share of the shelf value of the last 13 closed weeks that loyalty card and coupon match "
        "took off; null without sales.",
    ),
    Column("promotion_weeks_364d", "bigint", "Closed weeks of the last 52 with a promotion."),
    Column("display_weeks_364d", "bigint", "Closed weeks of the last 52 on a display."),
    Column("mailer_weeks_364d", "bigint", "Closed weeks of the last 52 in a mailer."),
    Column(
        "promotion_uplift",
        "double",
        "Mean weekly units in promoted weeks over mean weekly units in the others, less 1, from "
        "the week of its first sale to the last closed week, within the last 52; a week without a "
        "sale counts as none sold. An association, not an effect. Null with fewer than four weeks "
        "of either kind, without sales in the others, and for fuel.",
    ),
)

_CAMPAIGN = (
    Column(
        "campaigns_364d",
        "bigint",
        "Campaigns that offered it and were valid on any of the last 364 days.",
    ),
    Column(
        "campaign_reach_364d",
        "bigint",
        "Households that any of those campaigns was sent to, each counted once.",
    ),
    Column(
        "coupon_redemptions_364d",
        "bigint",
        "Coupons good for it that were used in the last 52 closed weeks by a household which "
        "bought it that local day.",
    ),
)

_FUNNEL = (
    Column("views_91d", "bigint", "Views in the web shop in the last 13 closed weeks."),
    Column("cart_additions_91d", "bigint", "Times put in a cart there in those weeks."),
    Column("online_purchases_91d", "bigint", "Purchases there in those weeks."),
    Column("view_to_cart_rate_91d", "double", "Cart additions per view; null without views."),
    Column(
        "cart_to_purchase_rate_91d",
        "double",
        "Purchases per cart addition; null without cart additions.",
    ),
)

_QUALITY = (
    Column(
        "quality_flags",
        "string",
        "What to know before trusting the row, in alphabetical order, joined by commas; null when "
        "there is nothing. no_category: the catalogue names none, so there is no price index. "
        "no_package_size: prices cannot be compared by size. no_price: sold in pieces, but no "
        "closed week has a price. not_in_catalogue: attributes are unknown. "
        "paid_without_quantity: money was taken for a quantity of zero, so units are too low. "
        "price_is_old: priced_week is not among the last 13 closed weeks. sold_by_volume: fuel, "
        "which counts no units.",
    ),
    Column("quality_flag_count", "int", "How many flags there are.", nullable=False),
)

PRODUCT_360 = Table(
    zone="curated",
    name="product_360",
    doc="Each product as the business sees it on one day: attributes, lifecycle, sales behaviour, "
    "prices, promotions, campaigns, web shop, and what to know before trusting it.",
    grain="one row per product, as of one day",
    owner="product-data",
    key=("product_id",),
    columns=(
        *PRODUCT_ATTRIBUTES,
        Column("as_of_date", "date", "Last business day that counts."),
        *_LIFECYCLE,
        *(column for days in WINDOW_DAYS for column in _window_columns(days)),
        *_PRICE,
        *_PROMOTION,
        *_CAMPAIGN,
        *_FUNNEL,
        *_QUALITY,
    ),
)
