"""`curated.promotion_week`: which products each store displayed or mailed in each business week.

The hazard is the second row: the source can place a product twice in one store and week, mostly on
no display and on one. Both become one row with every place that is named. And no row is silence,
not absence: most stores never deliver a promotion.
"""

from __future__ import annotations

from product360_assets.core.checks import KEY_IS_UNIQUE
from product360_assets.curated.business_week import DELIVERED_AT, begins_week, weeks_of
from product360_assets.curated.changes import follow_from
from product360_assets.curated.claims import Claim, all_claims, repeated
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import PROMOTION_WEEK

PROMOTIONS = Input("pricing", "promotion_week", whole_days=True)
PUBLICATION = Publication(PROMOTION_WEEK, job="promotion_week", inputs=(PROMOTIONS,))

PLOTS = (
    Plot(
        "Products promoted, by week",
        """
        SELECT week_start, count(*) FILTER (is_on_display) AS "on display",
               count(*) FILTER (is_in_mailer) AS "in the mailer"
        FROM (
            SELECT week_start, product_id, bool_or(is_on_display) AS is_on_display,
                   bool_or(is_in_mailer) AS is_in_mailer
            FROM recent GROUP BY ALL
        )
        GROUP BY ALL ORDER BY week_start
        """,
        y="products",
        day="week_start",
    ),
)


_CLEAN = "clean_pricing_promotion_week"
# Of rows in any order: how many, and one number that they make together.
_CONTENT = (
    "count(*) AS rows, "
    "sum(hash(product_id, store_id, is_on_display, is_in_mailer)::HUGEINT) AS content"
)


def _told(relation: str) -> str:
    """CTEs `told`, rows as they were delivered, and `merged`, one of each of those told twice.

    Few are, by as many places; only these are grouped, as all are twenty million. `again` has what
    tells them from the others.
    """
    place = "hash(product_id, store_id, week, _landing_date)"
    return f"""
        told AS NOT MATERIALIZED (
            SELECT product_id, store_id, week, _landing_date, _epoch,
                   display_location <> '0' AS is_on_display,
                   mailer_location <> '0' AS is_in_mailer,
                   {place} AS again
            FROM {relation}
        ),
        several AS MATERIALIZED {repeated(place, relation)},
        merged AS MATERIALIZED (
            SELECT product_id, store_id, week, _landing_date, max(_epoch) AS _epoch,
                   bool_or(is_on_display) AS is_on_display, bool_or(is_in_mailer) AS is_in_mailer
            FROM told SEMI JOIN several USING (again)
            GROUP BY product_id, store_id, week, _landing_date
        )"""


# Of each delivery of a week one row per product and store, after `_told`.
_PLACED = """(
    SELECT * EXCLUDE (again) FROM told ANTI JOIN several USING (again) UNION ALL FROM merged
)"""
_SAID = f"""(
    WITH {_told(_CLEAN)}
    SELECT *, {DELIVERED_AT} AS _place, false AS _is_deleted
    FROM {_PLACED} JOIN {weeks_of(_CLEAN)} USING (week, _landing_date)
    QUALIFY row_number() OVER (
        PARTITION BY product_id, store_id, week_start ORDER BY _landing_date DESC
    ) = 1
)"""

CLAIMS = all_claims(
    PROMOTION_WEEK,
    [
        Claim(
            "promotions_equal_the_newest_deliveries",
            "A promotion that is lost or made up turns every uplift around.",
            f"""
            WITH weeks AS {weeks_of(_CLEAN)},
            {_told(_CLEAN)},
            counted AS (
                SELECT week, _landing_date, {_CONTENT} FROM told GROUP BY ALL
                UNION ALL
                SELECT week, _landing_date, -rows, -content
                FROM (SELECT week, _landing_date, {_CONTENT}
                      FROM told SEMI JOIN several USING (again) GROUP BY ALL)
                UNION ALL
                SELECT week, _landing_date, {_CONTENT} FROM merged GROUP BY ALL
            ),
            delivered AS (
                SELECT week_start, sum(rows) AS rows, sum(content) AS content
                FROM counted JOIN weeks USING (week, _landing_date) WHERE deliveries = 1
                GROUP BY week_start
                UNION ALL
                SELECT week_start, {_CONTENT}
                FROM (
                    FROM {_PLACED} JOIN weeks USING (week, _landing_date) WHERE deliveries > 1
                    QUALIFY row_number() OVER (
                        PARTITION BY product_id, store_id, week_start ORDER BY _landing_date DESC
                    ) = 1
                )
                GROUP BY week_start
            ),
            published AS (
                SELECT week_start, {_CONTENT} FROM curated.promotion_week GROUP BY week_start
            ),
            compared AS (
                SELECT d.rows AS delivered, p.rows AS published,
                       (d.rows, d.content) IS DISTINCT FROM (p.rows, p.content) AS differs
                FROM delivered d FULL JOIN published p USING (week_start)
            )
            SELECT count(*) FILTER (differs) = 0 AS holds, sum(delivered) AS delivered,
                   sum(published) AS published, count(*) FILTER (differs) AS weeks_that_differ
            FROM compared
            """,
            clean=(PROMOTIONS,),
            shows=(KEY_IS_UNIQUE,),  # of each product, store and week, one row is expected
            changes=follow_from(
                PROMOTION_WEEK, _SAID, ("is_on_display", "is_in_mailer"), deletes=False
            ),
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
            each_row=True,
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
            each_row=True,
        ),
        Claim(
            "every_row_promotes_something",
            "A row that was neither displayed nor mailed says nothing, and somebody sent it.",
            """
            SELECT count(*) = 0 AS holds, count(*) AS rows_that_promote_nothing
            FROM curated.promotion_week WHERE NOT (is_on_display OR is_in_mailer)
            """,
            blocking=False,
            each_row=True,
        ),
    ],
)

promotion_week = publication_asset(PUBLICATION, claims=CLAIMS, plots=PLOTS)

promotion_week_checks = table_checks(PROMOTION_WEEK, CLAIMS)
