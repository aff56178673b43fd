"""Campaign interactions and product weeks, as DuckDB computes them."""

from __future__ import annotations

USE = "campaign_id, household_id, coupon_upc, day"


def interaction(latest: dict[str, str]) -> str:
    """Rows of `curated.interaction`; `latest` holds subqueries of the last changes by table."""
    campaign = """
        c.campaign_type, c.start_date AS campaign_start_date, c.end_date AS campaign_end_date,
        i._batch_id, i._change_order
    """
    return f"""
        WITH campaigns AS (FROM {latest["campaign"]}),
        offers AS (FROM {latest["coupon"]}),
        used AS (SELECT *, redemption_date AS day FROM {latest["coupon_redemption"]}),
        of_day AS (
            SELECT u.campaign_id, u.household_id, u.coupon_upc, u.day, s.basket_id,
                   o.product_id AS offered, s.sales_value, s.coupon_discount
            FROM used u JOIN sales_line s
              ON s.household_id = u.household_id AND s.business_date = u.day
            LEFT JOIN offers o ON o.campaign_id = u.campaign_id
              AND o.coupon_upc = u.coupon_upc AND o.product_id = s.product_id
        ),
        days AS (
            SELECT {USE}, count(DISTINCT basket_id) AS baskets_on_day,
                   count(DISTINCT offered) AS offered_products_bought,
                   sum(sales_value) FILTER (offered IS NOT NULL) AS offered_sales_value,
                   sum(coupon_discount) FILTER (offered IS NOT NULL) AS offered_coupon_discount
            FROM of_day GROUP BY {USE}
        ),
        best AS (
            SELECT {USE}, basket_id FROM of_day GROUP BY {USE}, basket_id
            QUALIFY row_number() OVER (
                PARTITION BY {USE} ORDER BY count(DISTINCT offered) DESC, basket_id) = 1
        )
        SELECT concat_ws('/', 'target', i.campaign_id, i.household_id) AS interaction_id,
               'target' AS interaction_type, i.campaign_id, i.household_id,
               c.start_date AS interaction_date, {campaign}
        FROM {latest["campaign_target"]} i LEFT JOIN campaigns c USING (campaign_id)
        UNION ALL BY NAME
        SELECT concat_ws('/', 'offer', i.campaign_id, i.coupon_upc, i.product_id)
                   AS interaction_id,
               'offer' AS interaction_type, i.campaign_id, i.coupon_upc, i.product_id,
               c.start_date AS interaction_date, {campaign}
        FROM offers i LEFT JOIN campaigns c USING (campaign_id)
        UNION ALL BY NAME
        SELECT concat_ws('/', 'redemption', i.campaign_id, i.household_id, i.coupon_upc, i.day)
                   AS interaction_id,
               'redemption' AS interaction_type, i.campaign_id, i.household_id, i.coupon_upc,
               i.day AS interaction_date, best.basket_id,
               coalesce(baskets_on_day, 0) AS baskets_on_day,
               coalesce(offered_products_bought, 0) AS offered_products_bought,
               coalesce(offered_sales_value, 0) AS offered_sales_value,
               coalesce(offered_coupon_discount, 0) AS offered_coupon_discount, {campaign}
        FROM used i LEFT JOIN campaigns c USING (campaign_id)
        LEFT JOIN days USING ({USE}) LEFT JOIN best USING ({USE})
    """


def _monday(day: str) -> str:
    return f"CAST(date_trunc('week', {day}) AS DATE) AS week_start"


SOURCES = (
    f"""SELECT product_id, {_monday("business_date")}, sum(units) AS units,
               sum(sales_value) AS revenue, count(*) AS baskets,
               count(DISTINCT household_id) AS households, count(DISTINCT store_id) AS stores,
               sum(sales_value + retail_discount + coupon_match_discount) AS shelf_value,
               sum(coupon_discount) AS coupon_discount
        FROM sales_line GROUP BY product_id, week_start""",
    "SELECT product_id, week_start, shelf_price, loyalty_price FROM price_week",
    """SELECT product_id, week_start, count(*) FILTER (is_on_display) AS stores_on_display,
              count(*) FILTER (is_in_mailer) AS stores_in_mailer, count(*) AS stores_promoted
       FROM promotion_week WHERE is_on_display OR is_in_mailer GROUP BY product_id, week_start""",
    f"""SELECT product_id, {_monday("interaction_date")}, count(*) AS coupon_redemptions
        FROM (
            SELECT DISTINCT u.interaction_id, s.product_id, u.interaction_date
            FROM interaction u JOIN sales_line s
              ON s.household_id = u.household_id AND s.business_date = u.interaction_date
            JOIN interaction o ON o.interaction_type = 'offer' AND o.campaign_id = u.campaign_id
              AND o.coupon_upc = u.coupon_upc AND o.product_id = s.product_id
            WHERE u.interaction_type = 'redemption'
        ) GROUP BY product_id, week_start""",
    f"""SELECT product_id, {_monday("event_date")},
               count(*) FILTER (event_type = 'view') AS views,
               count(*) FILTER (event_type = 'add_to_cart') AS cart_additions,
               count(*) FILTER (event_type = 'purchase') AS online_purchases
        FROM click_event e ANTI JOIN (FROM click_session WHERE is_bot) b
          ON e.visitor_id = b.visitor_id AND e.event_time BETWEEN b.started_at AND b.ended_at
        WHERE product_id IS NOT NULL AND event_type IN ('view', 'add_to_cart', 'purchase')
        GROUP BY product_id, week_start""",
)
COUNTS = (
    *("revenue", "baskets", "households", "stores", "shelf_value", "coupon_discount"),
    *("stores_on_display", "stores_in_mailer", "stores_promoted", "coupon_redemptions"),
    *("views", "cart_additions", "online_purchases"),
)
MEASURES = ("units", "shelf_price", "loyalty_price", *COUNTS)

PRODUCT_WEEK = f"""
    WITH merged AS (
        SELECT product_id, week_start, {", ".join(f"max({name}) AS {name}" for name in MEASURES)}
        FROM ({" UNION ALL BY NAME ".join(SOURCES)})
        -- Only weeks whose Sunday is over.
        WHERE week_start + 6 <= (SELECT max(business_date) FROM sales_line)
        GROUP BY product_id, week_start
    )
    SELECT product_id, week_start, shelf_price, loyalty_price,
           (week_start - CAST(date_trunc('week', date_trunc('year', week_start + 6)) AS DATE)) // 7
               + 1 AS business_week,
           CASE WHEN NOT coalesce(is_fuel, false) THEN coalesce(units, 0) END AS units,
           {", ".join(f"coalesce({name}, 0) AS {name}" for name in COUNTS)},
           coalesce(merged.stores_promoted, 0) > 0 AS is_promoted
    FROM merged LEFT JOIN (SELECT product_id, is_fuel FROM product) USING (product_id)
"""
