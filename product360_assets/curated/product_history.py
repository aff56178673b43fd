"""`curated.product_history`: what the catalogue said of each product, and when.

The hazard is the late correction: a change of last month that comes today belongs into last month.
It splits the period that it falls into, and what is current stays.
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
from spark.tables.curated import PRODUCT_HISTORY

CATALOGUE = Input("catalog", "product", looked_up=True)
PUBLICATION = Publication(PRODUCT_HISTORY, job="product_history", inputs=(CATALOGUE,))
COMPARED = ("hierarchy_id", "manufacturer_id", "brand", "package_size")


CLAIMS = all_claims(
    PRODUCT_HISTORY,
    [
        *history_claims(PRODUCT_HISTORY),
        current_rows_are(PRODUCT_HISTORY, CATALOGUE, {name: name for name in COMPARED}),
    ],
)

product_history = publication_asset(
    PUBLICATION, claims=CLAIMS, plots=(changes_by_month(PRODUCT_HISTORY),)
)

product_history_checks = table_checks(PRODUCT_HISTORY, CLAIMS)
