"""`curated.purchase_attribution`: what led to each sale, where anything is known to have.

The hazard is the word: what went before a sale did not cause it, and a household that buys milk
every week would have bought it without the campaign. So the rule is one that can be said in a
sentence, what it saw stands beside it, and lines without any have no row.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims, equal_by_week
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.sales_line import as_of_sales
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PURCHASE_ATTRIBUTION,
    SALES_LINE,
)

PLOTS = (
    Plot(
        "Revenue by what led to it, by week",
        f"""
        SELECT date_trunc('week', business_date)::DATE AS week,
               sum(sales_value) FILTER (attributed_to = 'visit') AS "in a visit",
               sum(sales_value) FILTER (attributed_to = 'earlier_visit') AS "after a visit",
               sum(sales_value) FILTER (attributed_to = 'campaign') AS campaign,
               sum(sales_value) FILTER (attributed_to = 'coupon') AS coupon
        FROM {PURCHASE_ATTRIBUTION.identifier} GROUP BY ALL ORDER BY week
        """,
        y="USD",
    ),
)


_DAYS = {
    PURCHASE_ATTRIBUTION.identifier: "business_date",
    SALES_LINE.identifier: "business_date",
}

CLAIMS = all_claims(
    PURCHASE_ATTRIBUTION,
    [
        Claim(
            "every_row_is_a_sales_line_with_its_value",
            "Credit for a sale that was not made, or for more than was paid, is invented.",
            """
            SELECT count(*) FILTER (
                       s.basket_id IS NULL OR (a.household_id, a.business_date, a.sales_value)
                       IS DISTINCT FROM (s.household_id, s.business_date, s.sales_value)
                   ) = 0 AS holds,
                   count(*) AS attributed, sum(a.sales_value) AS revenue
            FROM curated.purchase_attribution a
            LEFT JOIN curated.sales_line s USING (basket_id, product_id)
            """,
            days=_DAYS,
        ),
        Claim(
            "credit_follows_from_what_led_there",
            "A rule that is not kept in every row is no rule.",
            """
            SELECT count(*) FILTER (
                       attributed_to IS DISTINCT FROM CASE
                           WHEN coupons_used > 0 THEN 'coupon'
                           WHEN session_id IS NOT NULL THEN 'visit'
                           WHEN last_visit_date >= coalesce(campaign_start_date, last_visit_date)
                           THEN 'earlier_visit'
                           WHEN campaigns > 0 THEN 'campaign'
                       END
                       OR (earlier_visits_7d = 0) <> (last_visit_date IS NULL)
                       OR (campaigns = 0) <> (campaign_id IS NULL)
                       OR first_visit_date < business_date - 7
                       OR last_visit_date >= business_date OR campaign_start_date > business_date
                   ) = 0 AS holds,
                   count(*) FILTER (attributed_to = 'coupon') AS coupon,
                   count(*) FILTER (attributed_to = 'visit') AS visit,
                   count(*) FILTER (attributed_to = 'earlier_visit') AS earlier_visit,
                   count(*) FILTER (attributed_to = 'campaign') AS campaign
            FROM curated.purchase_attribution
            """,
            each_row=True,
        ),
        Claim(
            "every_coupon_and_campaign_of_a_line_is_counted",
            "A campaign whose sales are not found would be thought to have had none.",
            equal_by_week(
                """
                SELECT date_trunc('week', business_date)::DATE AS week_start,
                       sum(campaigns) AS campaigns, sum(coupons_used) AS coupons
                FROM curated.purchase_attribution GROUP BY ALL
                """,
                """
                WITH line AS (
                    SELECT *, date_trunc('week', business_date)::DATE AS week_start
                    FROM curated.sales_line WHERE business_date <= (
                        SELECT max(business_date) FROM curated.purchase_attribution
                    )
                ),
                offer AS (
                    SELECT DISTINCT campaign_id, coupon_upc, product_id
                    FROM curated.interaction WHERE interaction_type = 'offer'
                ),
                campaign AS (
                    SELECT DISTINCT l.week_start, l.basket_id, l.product_id, t.campaign_id
                    FROM line l JOIN curated.interaction t
                      ON t.interaction_type = 'target' AND t.household_id = l.household_id
                     AND l.business_date BETWEEN t.campaign_start_date AND t.campaign_end_date
                    SEMI JOIN offer o
                           ON o.campaign_id = t.campaign_id AND o.product_id = l.product_id
                ),
                coupon AS (
                    SELECT DISTINCT l.week_start, l.basket_id, l.product_id, r.interaction_id
                    FROM line l JOIN curated.interaction r
                      ON r.interaction_type = 'redemption' AND r.household_id = l.household_id
                     AND l.business_date = r.interaction_date
                    JOIN offer o ON o.campaign_id = r.campaign_id
                     AND o.coupon_upc = r.coupon_upc AND o.product_id = l.product_id
                )
                SELECT week_start, sum(campaigns) AS campaigns, sum(coupons) AS coupons
                FROM (SELECT week_start, 1 AS campaigns, 0 AS coupons FROM campaign
                      UNION ALL SELECT week_start, 0, 1 FROM coupon)
                GROUP BY week_start
                """,
                ("campaigns", "coupons"),
            ),
            days=_DAYS,
        ),
    ],
)

purchase_attribution = job_table_asset(
    JobTable(
        PURCHASE_ATTRIBUTION,
        job="purchase_attribution",
        upstream=(SALES_LINE, CLICK_EVENT, CLICK_SESSION, INTERACTION),
        as_of=as_of_sales,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
        is_kept=True,
    )
)

purchase_attribution_checks = table_checks(PURCHASE_ATTRIBUTION, CLAIMS)
