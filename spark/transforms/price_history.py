"""What the history of prices tracks: both prices, from the week that a file gives them for."""

from __future__ import annotations

from spark.tables.curated import PRICE_HISTORY
from spark.transforms.history import History
from spark.transforms.price_week import dated_prices

HISTORY = History(
    PRICE_HISTORY, input="pricing.price_week", dated_by="week_start", prepare=dated_prices
)
