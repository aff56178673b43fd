"""`curated.promotion_week`: which products each store displayed or mailed in each business week.

The hazard is the second row: the source can place a product twice in one store and week, mostly on
no display and on one. Both become one row with every place that is named. And no row is silence,
not absence: most stores never deliver a promotion.
"""

from __future__ import annotations

from product360_assets.curated.business_week import begins_week, delivered_weeks
from product360_assets.curated.claims import Claim, all_claims, table_checks
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from spark.tables.curated import PROMOTION_WEEK

PROMOTIONS = Input("pricing", "promotion_week", whole_days=True)
PUBLICATION = Publication(PROMOTION_WEEK, job="promotion_week", inputs=(PROMOTIONS,))

PLOTS = (
    Plot(
        "Products promoted, by week",
        f"""
        SELECT week_start, count(DISTINCT product_id) FILTER (is_on_display) AS "on display",
               count(DISTINCT product_id) FILTER (is_in_mailer) AS "in the mailer"
        FROM {PROMOTION_WEEK.identifier} GROUP BY ALL ORDER BY week_start
        """,
        y="products",
    ),
)


CLAIMS = all_claims(
    PROMOTION_WEEK,
    [
        Claim(
            "promotions_equal_the_newest_deliveries",
            "A promotion that is lost or made up turns every uplift around.",
            f"""
            WITH expected AS (
                SELECT product_id, store_id, week_start,
                       bool_or(display_location <> '0') AS is_on_display,
                       bool_or(mailer_location <> '0') AS is_in_mailer
                FROM {delivered_weeks("clean_pricing_promotion_week", "product_id", "store_id")}
                GROUP BY ALL
            )
            SELECT count(*) FILTER (
                       (p.is_on_display, p.is_in_mailer)
                       IS DISTINCT FROM (e.is_on_display, e.is_in_mailer)
                   ) = 0 AS holds,
                   count(e.product_id) AS delivered, count(p.product_id) AS published
            FROM expected e
            FULL JOIN curated.promotion_week p USING (product_id, store_id, week_start)
            """,
            clean=(PROMOTIONS,),
        ),
        Claim(
            "flags_agree_with_the_places",
            "A product is on display when it stands somewhere, and nowhere when it does not.",
            """
            SELECT count(*) FILTER (
                       is_on_display <> (display_locations IS NOT NULL)
                       OR is_in_mailer <> (mailer_locations IS NOT NULL)
                       OR display_locations IN ('', '0') OR mailer_locations IN ('', '0')
                   ) = 0 AS holds,
                   count(*) FILTER (is_on_display) AS displayed,
                   count(*) FILTER (is_in_mailer) AS mailed,
                   count(*) FILTER (contains(display_locations, '+')) AS on_several_displays
            FROM curated.promotion_week
            """,
        ),
        Claim(
            "promotion_weeks_begin_on_their_monday",
            "Promotions and sales meet on the Monday of the week; another day meets nothing.",
            f"""
            SELECT count(*) FILTER (NOT ({begins_week("week_start", "business_week")})) = 0
                       AS holds,
                   count(*) AS weeks, min(week_start) AS first, max(week_start) AS last
            FROM (SELECT DISTINCT week_start, business_week FROM curated.promotion_week)
            """,
        ),
        Claim(
            "every_row_promotes_something",
            "A row that was neither displayed nor mailed says nothing, and somebody sent it.",
            """
            SELECT count(*) = 0 AS holds, count(*) AS rows_that_promote_nothing
            FROM curated.promotion_week WHERE NOT (is_on_display OR is_in_mailer)
            """,
            blocking=False,
        ),
    ],
)

promotion_week = publication_asset(PUBLICATION, claims=CLAIMS, plots=PLOTS)

promotion_week_checks = table_checks(PROMOTION_WEEK, CLAIMS)
