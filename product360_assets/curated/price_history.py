"""`curated.price_history`: what each product cost, from which week until which.

The hazard is the week without a sale, which has no price: the one before is taken to hold until a
week says otherwise. A file of an old week that comes late splits the period that it falls into.
"""

from __future__ import annotations

from product360_assets.curated.business_week import delivered_weeks
from product360_assets.curated.claims import Claim, all_claims, no_price_jumps
from product360_assets.curated.history_claims import changes_by_month, history_claims
from product360_assets.curated.pending import Input
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import PRICE_HISTORY

PRICES = Input("pricing", "price_week", looked_up=True)
PUBLICATION = Publication(PRICE_HISTORY, job="price_history", inputs=(PRICES,))


CLAIMS = all_claims(
    PRICE_HISTORY,
    [
        *history_claims(PRICE_HISTORY),
        Claim(
            "every_weeks_price_is_the_one_that_held",
            "Asked for the price of a week, the history answers what the week's file said.",
            f"""
            SELECT count(*) FILTER (
                       (h.shelf_price, h.loyalty_price)
                       IS DISTINCT FROM (d.shelf_price, d.loyalty_price)
                   ) = 0 AS holds,
                   count(*) AS weeks, count(h.product_id) AS with_a_price,
                   count(DISTINCT d.product_id) AS products
            FROM {delivered_weeks("clean_pricing_price_week", "product_id")} d
            LEFT JOIN curated.price_history h
                ON h.product_id = d.product_id AND h.valid_from <= d.week_start
                AND (h.valid_to IS NULL OR d.week_start < h.valid_to)
            """,
            clean=(PRICES,),
        ),
        no_price_jumps(PRICE_HISTORY, key=["product_id"], order="valid_from", column="shelf_price"),
    ],
)

price_history = publication_asset(
    PUBLICATION, claims=CLAIMS, plots=(changes_by_month(PRICE_HISTORY),)
)

price_history_checks = table_checks(PRICE_HISTORY, CLAIMS)
