"""`curated.price_week`: what each product usually cost in each business week.

The hazard is the week: a weekly file numbers it and does not name its year, so the delivery tells.
A file that is delivered again replaces what it said before, whichever of the two is read first.
"""

from __future__ import annotations

from product360_assets.curated.business_week import DELIVERED_AT, begins_week, delivered_weeks
from product360_assets.curated.changes import follow_from
from product360_assets.curated.claims import Claim, all_claims, no_price_jumps
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import PRICE_WEEK

PRICES = Input("pricing", "price_week", whole_days=True)
# What jumped longer ago was said when it did.
A_YEAR = 53 * 7
PUBLICATION = Publication(PRICE_WEEK, job="price_week", inputs=(PRICES,))

PLOTS = (
    Plot(
        "Prices that changed, by week",
        """
        SELECT week_start, count(*) FILTER (shelf_price > before) AS dearer,
               count(*) FILTER (shelf_price < before) AS cheaper
        FROM (
            SELECT week_start, shelf_price,
                   lag(shelf_price) OVER (PARTITION BY product_id ORDER BY week_start) AS before
            FROM recent
        )
        GROUP BY ALL ORDER BY week_start
        """,
        y="products",
        day="week_start",
    ),
)


_SAID = f"""(
    SELECT product_id, week_start, shelf_price, loyalty_price, week AS business_week,
           lines AS price_lines, {DELIVERED_AT} AS _place, false AS _is_deleted
    FROM {delivered_weeks("clean_pricing_price_week", "product_id")}
)"""

CLAIMS = all_claims(
    PRICE_WEEK,
    [
        Claim(
            "prices_equal_the_newest_deliveries",
            "A price that nobody delivered, or an older one, would be wrong in every margin.",
            f"""
            SELECT count(*) FILTER (
                       (p.shelf_price, p.loyalty_price, p.business_week, p.price_lines)
                       IS DISTINCT FROM (d.shelf_price, d.loyalty_price, d.week, d.lines)
                   ) = 0 AS holds,
                   count(d.product_id) AS delivered, count(p.product_id) AS published,
                   count(*) FILTER (p.shelf_price IS DISTINCT FROM d.shelf_price) AS other_prices
            FROM {delivered_weeks("clean_pricing_price_week", "product_id")} d
            FULL JOIN curated.price_week p USING (product_id, week_start)
            """,
            clean=(PRICES,),
            changes=follow_from(
                PRICE_WEEK,
                _SAID,
                ("shelf_price", "loyalty_price", "business_week", "price_lines"),
                deletes=False,
            ),
        ),
        Claim(
            "price_weeks_begin_on_their_monday",
            "Prices and sales meet on the Monday of the week; another day meets nothing.",
            f"""
            SELECT count(*) FILTER (NOT ({begins_week("week_start", "business_week")})) = 0
                       AS holds,
                   count(DISTINCT week_start) AS weeks, min(week_start) AS first,
                   max(week_start) AS last
            FROM curated.price_week
            """,
            each_row=True,
        ),
        Claim(
            "loyalty_prices_are_not_above_shelf_prices",
            "Each is the most frequent price of its kind, so a few cross; many would be an error.",
            """
            SELECT count(*) FILTER (loyalty_price > shelf_price) = 0 AS holds,
                   count(*) FILTER (loyalty_price > shelf_price) AS prices_that_cross,
                   count(*) AS prices
            FROM curated.price_week
            """,
            blocking=False,
            each_row=True,
        ),
        *(
            no_price_jumps(
                PRICE_WEEK, key=["product_id"], order="week_start", column=column, days=A_YEAR
            )
            for column in ("shelf_price", "loyalty_price")
        ),
    ],
)

price_week = publication_asset(PUBLICATION, claims=CLAIMS, plots=PLOTS)

price_week_checks = table_checks(PRICE_WEEK, CLAIMS)
