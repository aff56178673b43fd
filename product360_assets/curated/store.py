"""`curated.store`: every store, by what its tills and promotions say of it.

The hazard is silence: most stores never delivered a promotion. `has_promotions` is false for them,
which does not say that they had none.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.sales_line import as_of_sales
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import PROMOTION_WEEK, SALES_LINE, STORE

PLOTS = (
    Plot(
        "Stores by revenue",
        f"SELECT revenue FROM {STORE.identifier} ORDER BY revenue, store_id",
        kind="histogram",
        x="revenue, USD",
        y="stores",
    ),
)


CLAIMS = all_claims(
    STORE,
    [
        Claim(
            "revenue_equals_the_sales_to_the_cent",
            "Summed over all stores, there is exactly what passed the tills by that day.",
            """
            WITH made AS (
                SELECT any_value(as_of_date) AS day, sum(revenue) AS revenue,
                       sum(baskets) AS baskets
                FROM curated.store
            ),
            sold AS (
                SELECT sum(s.sales_value) AS revenue, count(DISTINCT s.basket_id) AS baskets
                FROM curated.sales_line s, made WHERE business_date <= day
            )
            SELECT made.revenue = sold.revenue AND made.baskets = sold.baskets AS holds,
                   made.revenue AS revenue, sold.revenue AS sales,
                   made.baskets AS baskets, sold.baskets AS receipts
            FROM made, sold
            """,
        ),
        Claim(
            "every_promoting_store_is_there",
            "A store that promotes and sells nothing is still a store.",
            """
            WITH promoting AS (
                SELECT store_id, count(DISTINCT week_start) AS weeks
                FROM curated.promotion_week
                WHERE week_start + 6 <= (SELECT any_value(as_of_date) FROM curated.store)
                GROUP BY store_id
            )
            SELECT count(*) FILTER (
                       coalesce(p.weeks, 0) IS DISTINCT FROM s.promotion_weeks
                       OR s.has_promotions IS DISTINCT FROM (p.weeks IS NOT NULL)
                   ) = 0 AS holds,
                   count(p.store_id) AS promoting,
                   count(*) FILTER (NOT s.has_promotions) AS without_known_promotions
            FROM promoting p FULL JOIN curated.store s USING (store_id)
            """,
        ),
        Claim(
            "tills_and_promotions_count_the_same_weeks",
            "If they numbered weeks differently, sales would meet other weeks' promotions.",
            """
            WITH till AS (
                SELECT DISTINCT date_trunc('week', business_date)::DATE AS week_start, business_week
                FROM curated.sales_line WHERE business_week IS NOT NULL
            ),
            promoted AS (SELECT DISTINCT week_start, business_week FROM curated.promotion_week)
            SELECT count(*) FILTER (t.business_week <> p.business_week) = 0 AS holds,
                   count(DISTINCT week_start) AS weeks_in_both,
                   count(*) FILTER (t.business_week <> p.business_week) AS numbered_differently
            FROM till t JOIN promoted p USING (week_start)
            """,
        ),
    ],
)

store = job_table_asset(
    JobTable(
        STORE,
        job="store",
        upstream=(SALES_LINE, PROMOTION_WEEK),
        as_of=as_of_sales,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
    )
)

store_checks = table_checks(STORE, CLAIMS)
