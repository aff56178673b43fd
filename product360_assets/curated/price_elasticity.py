"""`curated.price_elasticity`: how demand for each product answered to its price.

The hazard is a number where there is none: of a product whose price never moved, a regression
knows nothing and says something. Such a product is refused by name of the reason, and what is
estimated carries its error and the prices between which it was seen.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.sales_line import as_of_sales
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import PRICE_ELASTICITY, PRODUCT, PRODUCT_WEEK

PLOTS = (
    Plot(
        "Elasticity of the products whose weeks can tell",
        f"""
        SELECT elasticity FROM {PRICE_ELASTICITY.identifier} WHERE elasticity IS NOT NULL
        ORDER BY elasticity, product_id
        """,
        kind="histogram",
        x="% pieces for 1 % price",
        y="products",
    ),
    Plot(
        "Why there is an elasticity, or none",
        f"""
        SELECT status, count(*) AS products FROM {PRICE_ELASTICITY.identifier}
        GROUP BY ALL ORDER BY products DESC, status
        """,
        y="products",
        kind="bar",
    ),
)


_DAY = "(SELECT any_value(as_of_date) FROM curated.price_elasticity)"
_YEAR = f"(date_trunc('week', {_DAY} - 6)::DATE - 357)"

CLAIMS = all_claims(
    PRICE_ELASTICITY,
    [
        Claim(
            "every_product_sold_is_judged_on_its_own_weeks",
            "Weeks or prices of another product, or of another year, would be another's answer.",
            f"""
            WITH sold AS (
                SELECT product_id,
                       count(*) FILTER (units > 0 AND loyalty_price > 0) AS weeks,
                       min(loyalty_price) FILTER (units > 0 AND loyalty_price > 0) AS lowest,
                       max(loyalty_price) FILTER (units > 0 AND loyalty_price > 0) AS highest
                FROM curated.product_week JOIN curated.product USING (product_id)
                WHERE baskets > 0 AND week_start >= {_YEAR} GROUP BY product_id
            )
            SELECT count(*) FILTER (
                       s.product_id IS NULL OR e.product_id IS NULL
                       OR (e.selling_weeks, e.lowest_price, e.highest_price)
                          IS DISTINCT FROM (s.weeks, s.lowest, s.highest)
                   ) = 0 AS holds,
                   count(s.product_id) AS sold, count(e.product_id) AS judged
            FROM sold s FULL JOIN curated.price_elasticity e USING (product_id)
            """,
        ),
        Claim(
            "a_number_stands_only_where_the_weeks_can_tell",
            "An elasticity of a price that never moved would be believed like any other.",
            """
            SELECT count(*) FILTER (
                       (status = 'estimated') <> (elasticity IS NOT NULL)
                       OR elasticity > 0
                       OR (is_clamped AND elasticity <> 0)
                       OR (elasticity IS NULL AND own_elasticity IS NOT NULL)
                       OR (status = 'estimated' AND (selling_weeks < 10
                           OR price_variation < 0.03 OR lowest_price = highest_price
                           OR standard_error IS NULL))
                       OR (status = 'insufficient_price_variation' AND price_variation >= 0.03)
                   ) = 0 AS holds,
                   count(*) FILTER (status = 'estimated') AS estimated,
                   count(*) FILTER (status <> 'estimated') AS refused,
                   median(elasticity) AS median_elasticity,
                   any_value(pooled_elasticity) AS pooled_elasticity
            FROM curated.price_elasticity
            """,
        ),
        Claim(
            "what_is_drawn_to_the_category_lies_between_it_and_the_product",
            "Shrinkage outside of what it shrinks between is an error of sign or of weight.",
            """
            SELECT count(*) FILTER (
                       NOT is_clamped AND (
                           elasticity > greatest(own_elasticity, category_elasticity) + 1e-9
                           OR elasticity < least(own_elasticity, category_elasticity) - 1e-9
                       ) OR standard_error > own_standard_error + 1e-9
                   ) = 0 AS holds,
                   count(elasticity) AS estimated
            FROM curated.price_elasticity
            """,
        ),
        Claim(
            "demand_falls_with_price",
            "Over all products, dearer weeks that sell more point to wrong prices or wrong weeks.",
            """
            SELECT coalesce(any_value(pooled_elasticity) < 0, true) AS holds,
                   any_value(pooled_elasticity) AS pooled_elasticity,
                   round(100 * avg(CAST(is_clamped AS INT)), 1) AS clamped_per_cent
            FROM curated.price_elasticity WHERE status = 'estimated'
            """,
            blocking=False,
        ),
    ],
)

price_elasticity = job_table_asset(
    JobTable(
        PRICE_ELASTICITY,
        job="price_elasticity",
        upstream=(PRODUCT, PRODUCT_WEEK),
        as_of=as_of_sales,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
    )
)

price_elasticity_checks = table_checks(PRICE_ELASTICITY, CLAIMS)
