"""The dictionary of published tables. Every schema is written here once and read everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from spark.tables.curated import CUSTOMER, PRODUCT, PRODUCT_360, SALES_LINE
from spark.tables.forecast import (
    DEMAND_BACKTEST,
    DEMAND_FORECAST,
    FORECAST_ACCURACY,
    ITEM_ACCURACY,
    WEEKLY_DEMAND,
)
from spark.tables.model import Column, DictionaryError, Table

__all__ = ["TABLES", "Column", "DictionaryError", "Table"]

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.identifier: table
        for table in (
            PRODUCT,
            CUSTOMER,
            SALES_LINE,
            PRODUCT_360,
            WEEKLY_DEMAND,
            DEMAND_FORECAST,
            DEMAND_BACKTEST,
            FORECAST_ACCURACY,
            ITEM_ACCURACY,
        )
    }
)
