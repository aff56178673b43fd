"""`curated.customer`: every household of the loyalty programme.

The hazard is the join: most households never gave their demographics. They are customers all the
same, with `has_demographics` false and nulls, never a made-up "unknown" band.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, newest, table_checks
from product360_assets.curated.pending import Input
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from spark.tables.curated import CUSTOMER

HOUSEHOLD = Input("crm", "household", whole=True)
DEMOGRAPHIC = Input("crm", "demographic", whole=True)
PUBLICATION = Publication(CUSTOMER, job="customer", inputs=(HOUSEHOLD, DEMOGRAPHIC))


customer = publication_asset(PUBLICATION)

customer_checks = table_checks(
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
