"""The dictionary of published tables. Every schema is written here once and read everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    CUSTOMER,
    CUSTOMER_ACTIVITY,
    CUSTOMER_HISTORY,
    INTERACTION,
    ITEM_FUNNEL,
    PRICE_ELASTICITY,
    PRICE_HISTORY,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_360,
    PRODUCT_HISTORY,
    PRODUCT_WEEK,
    PROMOTION_UPLIFT,
    PROMOTION_WEEK,
    PURCHASE_ATTRIBUTION,
    SALES_LINE,
    STORE,
)
from spark.tables.forecast import (
    DEMAND_BACKTEST,
    DEMAND_FORECAST,
    FORECAST_ACCURACY,
    ITEM_ACCURACY,
    WEEKLY_DEMAND,
)
from spark.tables.model import Column, DictionaryError, Table, View
from spark.tables.serving import PRODUCT_360_OUTLOOK

__all__ = ["TABLES", "VIEWS", "Column", "DictionaryError", "Table", "View"]

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.identifier: table
        for table in (
            PRODUCT,
            PRODUCT_HISTORY,
            CUSTOMER,
            CUSTOMER_HISTORY,
            SALES_LINE,
            PRICE_WEEK,
            PRICE_HISTORY,
            PROMOTION_WEEK,
            STORE,
            INTERACTION,
            CLICK_EVENT,
            CLICK_SESSION,
            PRODUCT_WEEK,
            PRODUCT_360,
            PROMOTION_UPLIFT,
            PRICE_ELASTICITY,
            ITEM_FUNNEL,
            PURCHASE_ATTRIBUTION,
            CUSTOMER_ACTIVITY,
            WEEKLY_DEMAND,
            DEMAND_FORECAST,
            DEMAND_BACKTEST,
            FORECAST_ACCURACY,
            ITEM_ACCURACY,
        )
    }
)

VIEWS: Mapping[str, View] = MappingProxyType(
    {view.identifier: view for view in (PRODUCT_360_OUTLOOK,)}
)
