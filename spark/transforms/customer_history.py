"""What the history of customers tracks: what a household says of itself, under our names."""

from __future__ import annotations

from spark.tables.curated import CUSTOMER_HISTORY
from spark.transforms.history import History

HISTORY = History(
    CUSTOMER_HISTORY,
    input="crm.demographic",
    renamed={
        "age_band": "age",
        "income_band": "income",
        "household_composition": "household_comp",
    },
)
