"""What the history of products tracks: all that the catalogue says of one."""

from __future__ import annotations

from spark.tables.curated import PRODUCT_HISTORY
from spark.transforms.history import History

HISTORY = History(PRODUCT_HISTORY, input="catalog.product")
