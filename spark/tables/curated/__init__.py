"""The curated zone's tables: what the business reads, one module per subject.

Each column is described here and nowhere else. Columns that begin with an underscore are lineage:
they say which delivery a row came from, and content digests leave them out.
"""

from __future__ import annotations

from spark.tables.curated.clicks import CLICK_EVENT, CLICK_SESSION
from spark.tables.curated.customer import CUSTOMER
from spark.tables.curated.customer_activity import CUSTOMER_ACTIVITY
from spark.tables.curated.history import CUSTOMER_HISTORY, PRICE_HISTORY, PRODUCT_HISTORY
from spark.tables.curated.interaction import INTERACTION
from spark.tables.curated.item_funnel import ITEM_FUNNEL, PURCHASE_ATTRIBUTION
from spark.tables.curated.price_elasticity import PRICE_ELASTICITY
from spark.tables.curated.pricing import PRICE_WEEK, PROMOTION_WEEK
from spark.tables.curated.product import PRODUCT
from spark.tables.curated.product_360 import PRODUCT_360, WINDOW_DAYS
from spark.tables.curated.product_week import PRODUCT_WEEK
from spark.tables.curated.promotion_uplift import PROMOTION_UPLIFT
from spark.tables.curated.sales import SALES_LINE, STORE

__all__ = [
    "CLICK_EVENT",
    "CLICK_SESSION",
    "CUSTOMER",
    "CUSTOMER_ACTIVITY",
    "CUSTOMER_HISTORY",
    "INTERACTION",
    "ITEM_FUNNEL",
    "PRICE_ELASTICITY",
    "PRICE_HISTORY",
    "PRICE_WEEK",
    "PRODUCT",
    "PRODUCT_360",
    "PRODUCT_HISTORY",
    "PRODUCT_WEEK",
    "PROMOTION_UPLIFT",
    "PROMOTION_WEEK",
    "PURCHASE_ATTRIBUTION",
    "SALES_LINE",
    "STORE",
    "WINDOW_DAYS",
]
