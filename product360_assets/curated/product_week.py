"""`curated.product_week`: what every source says of a product, week by week.

Whenever a source has changed, the weeks are made anew in which it has. The hazard is the week that
is not over: only weeks whose Sunday is a closed business day are there. A week in which nothing at
all happened to a product has no row.
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
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)

PLOTS = (
    Plot(
        "Revenue by week, promoted and not",
        f"""
        SELECT week_start, sum(revenue) FILTER (is_promoted) AS promoted,
               sum(revenue) FILTER (NOT is_promoted) AS "not promoted"
        FROM {PRODUCT_WEEK.identifier} GROUP BY ALL ORDER BY week_start
        """,
        y="USD",
    ),
)


# The Sunday of the last week that is there.
_LAST_DAY = "(SELECT max(week_start) + 6 FROM curated.product_week)"

# By which day a row of each is in a week.
_DAYS = {PRODUCT_WEEK.identifier: "week_start", SALES_LINE.identifier: "business_date"}
_PRICED = {PRODUCT_WEEK.identifier: "week_start", PRICE_WEEK.identifier: "week_start"}
_PROMOTED = {PRODUCT_WEEK.identifier: "week_start", PROMOTION_WEEK.identifier: "week_start"}
_CLICKED = {
    PRODUCT_WEEK.identifier: "week_start",
    CLICK_EVENT.identifier: "event_date",
    CLICK_SESSION.identifier: "session_date",
}

CLAIMS = all_claims(
    PRODUCT_WEEK,
    [
        Claim(
            "sales_equal_those_of_the_closed_weeks",
            "Summed over products, every sale of a closed week is there, to the cent.",
            equal_by_week(
                """
                SELECT week_start, sum(revenue) AS revenue, sum(units) AS units,
                       sum(baskets) AS lines, sum(shelf_value) AS shelf_value,
                       sum(coupon_discount) AS coupons
                FROM curated.product_week GROUP BY week_start
                """,
                f"""
                SELECT date_trunc('week', business_date)::DATE AS week_start,
                       sum(sales_value) AS revenue, sum(units) AS units, count(*) AS lines,
                       sum(sales_value + retail_discount + coupon_match_discount) AS shelf_value,
                       sum(coupon_discount) AS coupons
                FROM curated.sales_line WHERE business_date <= {_LAST_DAY} GROUP BY ALL
                """,
                ("revenue", "units", "lines", "shelf_value", "coupons"),
            ),
            days=_DAYS,
        ),
        Claim(
            "the_last_closed_week_is_there",
            "A week that is over and has no row would be missing from every comparison.",
            """
            SELECT max(business_date) - (SELECT max(week_start) FROM curated.product_week) < 14
                       AS holds,
                   max(business_date) AS last_sale,
                   (SELECT max(week_start) FROM curated.product_week) AS last_week
            FROM curated.sales_line
            """,
        ),
        Claim(
            "weeks_begin_on_mondays",
            "A week that began on another day would overlap its neighbours.",
            """
            SELECT count(*) FILTER (isodow(week_start) <> 1) = 0 AS holds,
                   min(week_start) AS first_week, max(week_start) AS last_week
            FROM curated.product_week
            """,
            each_row=True,
        ),
        Claim(
            "prices_equal_those_of_the_pricing_team",
            "A price that was lost or moved to another week would hide or invent a change.",
            f"""
            SELECT count(*) FILTER (
                       (w.shelf_price, w.loyalty_price)
                       IS DISTINCT FROM (p.shelf_price, p.loyalty_price)
                   ) = 0 AS holds,
                   count(w.shelf_price) AS prices_here, count(p.shelf_price) AS prices_there
            FROM (FROM curated.product_week WHERE shelf_price IS NOT NULL) w
            FULL JOIN (FROM curated.price_week WHERE week_start + 6 <= {_LAST_DAY}) p
                USING (product_id, week_start)
            """,
            days=_PRICED,
        ),
        Claim(
            "promotions_are_counted_once_per_store",
            "Summed over products, every store that displayed or mailed in a week is there once.",
            equal_by_week(
                """
                SELECT week_start, sum(stores_on_display) AS displays,
                       sum(stores_in_mailer) AS mailers, sum(stores_promoted) AS stores
                FROM curated.product_week GROUP BY week_start
                """,
                f"""
                SELECT week_start, count(*) FILTER (is_on_display) AS displays,
                       count(*) FILTER (is_in_mailer) AS mailers,
                       count(*) FILTER (is_on_display OR is_in_mailer) AS stores
                FROM curated.promotion_week WHERE week_start + 6 <= {_LAST_DAY} GROUP BY week_start
                """,
                ("displays", "mailers", "stores"),
            ),
            days=_PROMOTED,
        ),
        Claim(
            "used_coupons_are_those_whose_product_was_bought",
            "A coupon counts for a product only where its household bought that product that day.",
            equal_by_week(
                """
                SELECT week_start, sum(coupon_redemptions) AS redemptions
                FROM curated.product_week GROUP BY week_start
                """,
                f"""
                SELECT date_trunc('week', r.interaction_date)::DATE AS week_start,
                       count(*) AS redemptions
                FROM curated.interaction r JOIN curated.interaction o
                  ON o.campaign_id = r.campaign_id AND o.coupon_upc = r.coupon_upc
                 AND r.interaction_type = 'redemption' AND o.interaction_type = 'offer'
                WHERE r.interaction_date <= {_LAST_DAY}
                  AND (r.household_id, r.interaction_date, o.product_id) IN (
                      SELECT (household_id, business_date, product_id) FROM curated.sales_line
                  )
                GROUP BY ALL
                """,
                ("redemptions",),
            ),
            days=_DAYS,
        ),
        Claim(
            "clicks_equal_the_events_of_people",
            "Every view, cart addition and purchase of a closed week counts once; bots never.",
            equal_by_week(
                """
                SELECT week_start, sum(views) AS views, sum(cart_additions) AS cart_additions,
                       sum(online_purchases) AS purchases
                FROM curated.product_week GROUP BY week_start
                """,
                f"""
                SELECT date_trunc('week', event_date)::DATE AS week_start,
                       count(*) FILTER (event_type = 'view') AS views,
                       count(*) FILTER (event_type = 'add_to_cart') AS cart_additions,
                       count(*) FILTER (event_type = 'purchase') AS purchases
                FROM curated.click_event e
                WHERE event_date <= {_LAST_DAY} AND product_id IS NOT NULL AND NOT EXISTS (
                    FROM curated.click_session s
                    WHERE s.is_bot AND s.visitor_id = e.visitor_id
                      AND e.event_time BETWEEN s.started_at AND s.ended_at
                )
                GROUP BY ALL
                """,
                ("views", "cart_additions", "purchases"),
            ),
            days=_CLICKED,
            reach=1,
        ),
        Claim(
            "most_sales_have_a_price",
            "What is sold in pieces and has no price that week is left out of every price.",
            """
            SELECT coalesce(priced / nullif(sales, 0), 1) >= 0.95 AS holds,
                   round(100 * priced / nullif(sales, 0), 2) AS priced_per_cent
            FROM (
                SELECT CAST(sum(revenue) AS DOUBLE) AS sales,
                       coalesce(sum(CAST(revenue AS DOUBLE))
                                FILTER (shelf_price IS NOT NULL), 0) AS priced
                FROM curated.product_week WHERE units IS NOT NULL
            )
            """,
            blocking=False,
        ),
    ],
)

product_week = job_table_asset(
    JobTable(
        PRODUCT_WEEK,
        job="product_week",
        upstream=(
            PRODUCT,
            SALES_LINE,
            PRICE_WEEK,
            PROMOTION_WEEK,
            INTERACTION,
            CLICK_EVENT,
            CLICK_SESSION,
        ),
        as_of=as_of_sales,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
        is_kept=True,
    )
)

product_week_checks = table_checks(PRODUCT_WEEK, CLAIMS)
