"""`curated.customer`: every household of the loyalty programme.

The hazard is the join: most households never gave their demographics. They are customers all the
same, with `has_demographics` false and nulls, never a made-up "unknown" band.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims, newest
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import CUSTOMER

HOUSEHOLD = Input("crm", "household", whole=True)
DEMOGRAPHIC = Input("crm", "demographic", whole=True)
PUBLICATION = Publication(CUSTOMER, job="customer", inputs=(HOUSEHOLD, DEMOGRAPHIC))
PLOTS = (
    Plot(
        "Households by the month they were first seen in",
        f"""
        SELECT CAST(date_trunc('month', first_seen_at) AS DATE) AS month,
               count(*) FILTER (has_demographics) AS "with demographics",
               count(*) FILTER (NOT has_demographics) AS "without"
        FROM {CUSTOMER.identifier} WHERE first_seen_at IS NOT NULL GROUP BY ALL ORDER BY month
        """,
        y="households",
    ),
)


CLAIMS = all_claims(
    CUSTOMER,
    [
        Claim(
            "customers_are_the_delivered_households",
            "A household that was delivered is a customer, and nobody else is.",
            f"""
            SELECT count(*) FILTER (c.household_id IS NULL OR h.household_id IS NULL) = 0 AS holds,
                   count(h.household_id) AS delivered,
                   count(c.household_id) AS published
            FROM {newest("clean_crm_household", "household_id")} h
            FULL JOIN curated.customer c USING (household_id)
            """,
            clean=(HOUSEHOLD,),
        ),
    ],
)

customer = publication_asset(PUBLICATION, claims=CLAIMS, plots=PLOTS)

customer_checks = table_checks(CUSTOMER, CLAIMS)
