"""`curated.customer_activity`: each household by what it did, as of one day.

The hazard is the household that did nothing: it is a customer all the same, with zeros and without
dates, and belongs to no fifth of the buyers.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.sales_line import as_of_sales
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import (
    CLICK_SESSION,
    CUSTOMER,
    CUSTOMER_ACTIVITY,
    INTERACTION,
    SALES_LINE,
)

PLOTS = (
    Plot(
        "Households by how they bought in the last year",
        f"""
        SELECT activity_stage || ', ' || channels_364d AS households, count(*) AS count
        FROM {CUSTOMER_ACTIVITY.identifier} GROUP BY ALL ORDER BY count DESC, households
        """,
        y="households",
        kind="bar",
    ),
    Plot(
        "Revenue of the last year by household",
        f"SELECT revenue_364d FROM {CUSTOMER_ACTIVITY.identifier} ORDER BY revenue_364d",
        kind="histogram",
        x="USD",
        y="households",
    ),
)


_DAY = "(SELECT any_value(as_of_date) FROM curated.customer_activity)"

CLAIMS = all_claims(
    CUSTOMER_ACTIVITY,
    [
        Claim(
            "every_customer_has_its_row",
            "A household that is missing here would be nobody's customer.",
            """
            SELECT count(*) FILTER (c.household_id IS NULL OR a.household_id IS NULL) = 0 AS holds,
                   count(c.household_id) AS customers, count(a.household_id) AS rows
            FROM curated.customer c FULL JOIN curated.customer_activity a USING (household_id)
            """,
        ),
        Claim(
            "what_was_bought_equals_the_sales_to_the_cent",
            "Summed over all households, a window holds exactly the sales of its days.",
            f"""
            WITH made AS (
                SELECT sum(revenue_364d) AS year, sum(revenue_91d) AS quarter,
                       sum(baskets_364d) AS baskets
                FROM curated.customer_activity
            ),
            sold AS (
                SELECT coalesce(sum(sales_value), 0) AS year,
                       coalesce(sum(sales_value) FILTER (business_date > {_DAY} - 91), 0)
                           AS quarter,
                       count(DISTINCT basket_id) AS baskets
                FROM curated.sales_line SEMI JOIN curated.customer USING (household_id)
                WHERE business_date > {_DAY} - 364 AND business_date <= {_DAY}
            )
            SELECT made.year = sold.year AND made.quarter = sold.quarter
                   AND made.baskets = sold.baskets AS holds,
                   made.year AS revenue, sold.year AS sales,
                   made.baskets AS baskets, sold.baskets AS receipts
            FROM made, sold
            """,
        ),
        Claim(
            "stages_follow_from_dates",
            "A stage that contradicts its own dates would send the wrong letter.",
            """
            SELECT count(*) FILTER (
                       (activity_stage = 'never_bought') <> (last_purchase_date IS NULL)
                       OR (activity_stage = 'new')
                          <> coalesce(as_of_date - first_purchase_date < 91, false)
                       OR (activity_stage = 'lapsed')
                          <> coalesce(as_of_date - last_purchase_date >= 91, false)
                       OR first_purchase_date > last_purchase_date
                       OR last_purchase_date > as_of_date
                       OR days_since_last_purchase <> as_of_date - last_purchase_date
                       OR baskets_91d > baskets_364d OR online_baskets_364d > baskets_364d
                   ) = 0 AS holds,
                   count(*) FILTER (activity_stage = 'active') AS active,
                   count(*) FILTER (activity_stage = 'new') AS new,
                   count(*) FILTER (activity_stage = 'lapsed') AS lapsed,
                   count(*) FILTER (activity_stage = 'never_bought') AS never_bought
            FROM curated.customer_activity
            """,
        ),
        Claim(
            "equal_households_score_alike",
            "A score that depends on the order of equals would change without any purchase.",
            """
            WITH scored AS (
                SELECT frequency_score AS score, baskets_364d AS value, 'frequency' AS what
                FROM curated.customer_activity WHERE last_purchase_date IS NOT NULL
                UNION ALL
                SELECT monetary_score, revenue_364d, 'monetary'
                FROM curated.customer_activity WHERE last_purchase_date IS NOT NULL
            ),
            valued AS (
                SELECT what, value, min(score) AS least, max(score) AS most FROM scored GROUP BY ALL
            ),
            ordered AS (
                SELECT *, lag(most) OVER (PARTITION BY what ORDER BY value) AS before FROM valued
            )
            SELECT coalesce(bool_and(least = most AND least BETWEEN 1 AND 5
                                     AND coalesce(before, 1) <= least), true) AS holds,
                   count(*) AS values
            FROM ordered
            """,
        ),
        Claim(
            "campaigns_and_coupons_are_those_of_the_campaigns",
            "A household that was sent a campaign and is not counted would be written to again.",
            f"""
            WITH had AS (
                SELECT household_id,
                       count(DISTINCT campaign_id) FILTER (interaction_type = 'target'
                           AND campaign_start_date <= {_DAY}
                           AND campaign_end_date > {_DAY} - 364) AS campaigns,
                       count(*) FILTER (interaction_type = 'redemption'
                           AND interaction_date <= {_DAY}
                           AND interaction_date > {_DAY} - 364) AS coupons
                FROM curated.interaction GROUP BY household_id
            )
            SELECT count(*) FILTER (campaigns_364d <> coalesce(campaigns, 0)
                                    OR coupons_used_364d <> coalesce(coupons, 0)) = 0 AS holds,
                   sum(campaigns_364d) AS campaigns, sum(coupons_used_364d) AS coupons
            FROM curated.customer_activity LEFT JOIN had USING (household_id)
            """,
        ),
    ],
)

customer_activity = job_table_asset(
    JobTable(
        CUSTOMER_ACTIVITY,
        job="customer_activity",
        upstream=(CUSTOMER, SALES_LINE, CLICK_SESSION, INTERACTION),
        as_of=as_of_sales,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
    )
)

customer_activity_checks = table_checks(CUSTOMER_ACTIVITY, CLAIMS)
