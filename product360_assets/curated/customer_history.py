"""`curated.customer_history`: what each household said of itself, and when.

The hazard is the household that says nothing any more: the source tells of its deletion by leaving
its key out, so its last period ends and none follows, until it says something again.
"""

from __future__ import annotations

from product360_assets.curated.claims import all_claims
from product360_assets.curated.history_claims import (
    changes_by_month,
    current_rows_are,
    history_claims,
)
from product360_assets.curated.pending import Input
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import CUSTOMER_HISTORY

DEMOGRAPHIC = Input("crm", "demographic", looked_up=True)
PUBLICATION = Publication(CUSTOMER_HISTORY, job="customer_history", inputs=(DEMOGRAPHIC,))
COMPARED = {
    "age_band": "age",
    "income_band": "income",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_composition": "household_comp",
    "kids_count": "kids_count",
}


CLAIMS = all_claims(
    CUSTOMER_HISTORY,
    [
        *history_claims(CUSTOMER_HISTORY),
        current_rows_are(CUSTOMER_HISTORY, DEMOGRAPHIC, COMPARED),
    ],
)

customer_history = publication_asset(
    PUBLICATION, claims=CLAIMS, plots=(changes_by_month(CUSTOMER_HISTORY),)
)

customer_history_checks = table_checks(CUSTOMER_HISTORY, CLAIMS)
