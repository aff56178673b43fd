"""`curated.promotion_uplift`: what promoted weeks sold against the others, by kind of promotion.

The hazard is a number that sounds like an effect: nobody chose at random which weeks to promote.
So the department's own weeks are taken out, a standard error stands beside, and where there are too
few weeks of either kind there is the reason instead.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.sales_line import as_of_sales
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import PRODUCT, PRODUCT_WEEK, PROMOTION_UPLIFT, SALES_LINE

PLOTS = (
    Plot(
        "Uplift of displays and mailers",
        f"""
        SELECT uplift FROM {PROMOTION_UPLIFT.identifier}
        WHERE promotion_kind <> 'any' AND uplift < 5 ORDER BY uplift, product_id
        """,
        kind="histogram",
        x="uplift (1 is twice as much)",
        y="products and kinds",
    ),
    Plot(
        "Why there is an uplift, or none",
        f"""
        SELECT status, count(*) AS rows FROM {PROMOTION_UPLIFT.identifier}
        GROUP BY ALL ORDER BY rows DESC, status
        """,
        y="products and kinds",
        kind="bar",
    ),
)


# Monday of the last closed week, and of the first of 52; the first that the data holds whole.
_DAY = "(SELECT any_value(as_of_date) FROM curated.promotion_uplift)"
_LAST = f"(date_trunc('week', {_DAY} - 6)::DATE)"
_BEGIN = "(SELECT (date_trunc('week', min(business_date) - 1) + INTERVAL 7 DAYS)::DATE "
_FIRST = f"greatest({_LAST} - 357, {_BEGIN} FROM curated.sales_line))"

CLAIMS = all_claims(
    PROMOTION_UPLIFT,
    [
        Claim(
            "every_promotion_of_the_year_is_judged",
            "A promotion that is missing here would be taken for one that did nothing.",
            f"""
            WITH had AS (
                SELECT product_id, unnest(list_filter([
                           CASE WHEN is_promoted THEN 'any' END,
                           CASE WHEN stores_on_display > 0 THEN 'display' END,
                           CASE WHEN stores_in_mailer > 0 THEN 'mailer' END
                       ], lambda kind: kind IS NOT NULL)) AS promotion_kind
                FROM curated.product_week JOIN curated.product USING (product_id)
                WHERE week_start BETWEEN {_LAST} - 357 AND {_LAST}
            )
            SELECT count(*) FILTER (h.product_id IS NULL OR u.product_id IS NULL) = 0 AS holds,
                   count(h.product_id) AS promoted, count(u.product_id) AS judged
            FROM (SELECT DISTINCT * FROM had) h
            FULL JOIN curated.promotion_uplift u USING (product_id, promotion_kind)
            """,
        ),
        Claim(
            "weeks_and_pieces_add_up_to_those_of_the_product",
            "A week counted on both sides, or on neither, would move the uplift.",
            f"""
            WITH life AS (
                SELECT product_id, greatest(min(week_start) FILTER (baskets > 0), {_FIRST}) AS first
                FROM curated.product_week GROUP BY product_id
            ),
            sold AS (
                SELECT product_id, ({_LAST} - any_value(first)) // 7 + 1 AS weeks,
                       sum(units) FILTER (week_start >= first) AS units
                FROM curated.product_week JOIN life USING (product_id)
                WHERE week_start <= {_LAST} GROUP BY product_id
            )
            SELECT count(*) FILTER (u.promoted_weeks + u.other_weeks <> s.weeks
                                    OR u.promoted_units + u.other_units <> s.units) = 0 AS holds,
                   count(*) AS products
            FROM curated.promotion_uplift u JOIN sold s USING (product_id)
            WHERE u.promotion_kind = 'any' AND u.status NOT IN ('sold_by_volume', 'never_sold')
            """,
        ),
        Claim(
            "a_number_stands_only_where_the_weeks_can_tell",
            "An uplift out of three weeks would be believed like any other.",
            """
            SELECT count(*) FILTER (
                       (status = 'estimated') <> (uplift IS NOT NULL)
                       OR (uplift IS NULL) <> (uplift_unadjusted IS NULL)
                       OR (uplift IS NULL AND standard_error IS NOT NULL)
                       OR (status = 'estimated' AND (least(promoted_weeks, other_weeks) < 4
                                                     OR other_units <= 0))
                       OR abs((1 + uplift) * expected_units - promoted_units)
                          > 1e-9 * greatest(promoted_units, 1)
                   ) = 0 AS holds,
                   count(*) FILTER (status = 'estimated') AS estimated,
                   count(*) FILTER (status <> 'estimated') AS refused,
                   median(uplift) AS median_uplift,
                   median(uplift_unadjusted) AS median_unadjusted
            FROM curated.promotion_uplift
            """,
        ),
    ],
)

promotion_uplift = job_table_asset(
    JobTable(
        PROMOTION_UPLIFT,
        job="promotion_uplift",
        upstream=(PRODUCT, SALES_LINE, PRODUCT_WEEK),
        as_of=as_of_sales,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
    )
)

promotion_uplift_checks = table_checks(PROMOTION_UPLIFT, CLAIMS)
