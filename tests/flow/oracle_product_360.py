"""Every number of `product_week` and `product_360`, computed with DuckDB from the source package.

No code of the platform: sales, prices, promotions and campaigns come from the package's files,
clicks from the event files as they were delivered. Where the platform keeps sparse weeks, this
lays out every product in every week; where it counts closed weeks back from a Sunday, this names
the dates of the package's year.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import oracle

# The package's year ends on a Sunday, so every one of its weeks is closed.
LAST_DAY = "DATE '2017-12-31'"
QUARTER = "DATE '2017-10-02'"
YEAR = "DATE '2017-01-02'"

# What the demo company's smaller scales deliver of the promotions is a keyed sample; the smallest
# and the largest can be said in a line.
PROMOTIONS = {
    "smoke": "SELECT * FROM all_promotions SEMI JOIN lines USING (product_id, store_id, week)",
    "full": "SELECT * FROM all_promotions",
}

PRICES = """
    WITH priced AS (
        SELECT product_id, week_start,
               -- Whole cents over a count: half a cent is exact, and rounds up.
               round((paid + card + match) / quantity) AS shelf,
               round((paid + match) / quantity) AS loyalty
        FROM (
            SELECT *, round(100 * sales_value) AS paid, round(100 * retail_disc) AS card,
                   round(100 * coupon_match_disc) AS match
            FROM all_lines
        ) JOIN products USING (product_id)
        WHERE quantity BETWEEN 1 AND 100 AND sales_value > 0
          AND department <> 'FUEL' AND coalesce(product_type, '') NOT ILIKE '%gasoline%'
    )
"""


def package(scale: str, landing: Path) -> duckdb.DuckDBPyConnection:
    """A connection with tables `product_week` and `product_360` as they should be.

    Args:
        scale: smoke or full.
        landing: the folder in which the click stream left its files.
    """
    connection = oracle.panel(scale)
    for name in ("promotions", "coupons", "campaigns", "campaign_descriptions"):
        file = oracle.package_file(name)
        connection.execute(f"CREATE VIEW all_{name} AS SELECT * FROM '{file}'")
    redemptions = oracle.package_file("coupon_redemptions")
    connection.execute(f"CREATE VIEW all_redemptions AS SELECT * FROM '{redemptions}'")
    events = f"{landing}/clickstream/click_event/**/*.json.gz"
    for statement in (*SOURCES, *WEEKS, *PRODUCTS):
        connection.execute(
            statement.replace("$promotions", PROMOTIONS[scale]).replace("$events", events)
        )
    return connection


def _monday(day: str) -> str:
    return f"CAST(date_trunc('week', {day}) AS DATE)"


SOURCES = (
    f"""
    CREATE TABLE sold AS
    SELECT l.*, {_monday("business_date")} AS week_start,
           CASE WHEN NOT (coalesce(department = 'FUEL', false)
                          OR coalesce(product_type ILIKE '%gasoline%', false))
                THEN quantity END AS units,
           CAST(sales_value AS DECIMAL(12, 2)) AS value,
           CAST(retail_disc AS DECIMAL(12, 2)) AS card,
           CAST(coupon_disc AS DECIMAL(12, 2)) AS coupon,
           CAST(coupon_match_disc AS DECIMAL(12, 2)) AS match
    FROM lines l LEFT JOIN products USING (product_id)
    """,
    """
    CREATE TABLE listed AS
    SELECT product_id, manufacturer_id, department, product_category, product_type, brand,
           package_size, false AS is_unknown_member,
           coalesce(department = 'FUEL', false)
               OR coalesce(product_type ILIKE '%gasoline%', false) AS is_fuel
    FROM products
    UNION ALL BY NAME
    SELECT DISTINCT product_id, 'UNKNOWN' AS department, 'UNKNOWN' AS product_category,
           'UNKNOWN' AS product_type, 'UNKNOWN' AS brand, 'UNKNOWN' AS package_size,
           true AS is_unknown_member, false AS is_fuel
    FROM lines ANTI JOIN products USING (product_id)
    """,
    f"""
    CREATE VIEW all_lines AS
    SELECT *, DATE '2016-12-26' + 7 * (CAST(week AS INTEGER) - 1) AS week_start
    FROM '{oracle.package_file("transactions")}'
    """,
    # The price on most lines, the lowest of several: the first in that order.
    *(
        f"""
        CREATE TABLE {kind}_price AS {PRICES}
        SELECT product_id, week_start, CAST({kind} / 100 AS DECIMAL(12, 2)) AS price
        FROM priced SEMI JOIN sold USING (product_id, week_start)
        GROUP BY product_id, week_start, {kind}
        QUALIFY row_number() OVER (
            PARTITION BY product_id, week_start ORDER BY count(*) DESC, {kind}
        ) = 1
        """
        for kind in ("shelf", "loyalty")
    ),
    """
    CREATE TABLE promoted AS
    SELECT product_id, DATE '2016-12-26' + 7 * (CAST(week AS INTEGER) - 1) AS week_start,
           count(DISTINCT store_id) FILTER (display_location <> '0') AS displays,
           count(DISTINCT store_id) FILTER (mailer_location <> '0') AS mailers,
           count(DISTINCT store_id) AS stores
    FROM ($promotions) GROUP BY ALL
    """,
    f"""
    CREATE TABLE redeemed AS
    SELECT product_id, {_monday("redemption_date")} AS week_start, count(*) AS redemptions
    FROM (
        SELECT DISTINCT household_id, coupon_upc, campaign_id, redemption_date FROM all_redemptions
    ) r
    JOIN (SELECT DISTINCT coupon_upc, campaign_id, product_id FROM all_coupons) c
        USING (coupon_upc, campaign_id)
    WHERE EXISTS (
        FROM lines l WHERE l.household_id = r.household_id AND l.product_id = c.product_id
                       AND l.business_date = CAST(r.redemption_date AS DATE)
    )
    GROUP BY ALL
    """,
    # A visit ends with half an hour of silence; purchases are no clicks, as one buys a whole cart.
    """
    CREATE TABLE event AS
    SELECT * EXCLUDE (is_first),
           sum(CAST(is_first AS INTEGER)) OVER (PARTITION BY visitor_id ORDER BY moment) AS visit
    FROM (
        SELECT visitor_id, event_type, product_id, CAST(event_time AS TIMESTAMPTZ) AS moment,
               coalesce(moment - lag(moment) OVER (PARTITION BY visitor_id ORDER BY moment)
                        > INTERVAL 30 MINUTES, true) AS is_first
        FROM (
            SELECT DISTINCT ON (event_id) *
            FROM read_json('$events', format = 'newline_delimited', columns = {
                event_id: 'VARCHAR', visitor_id: 'VARCHAR', event_type: 'VARCHAR',
                event_time: 'VARCHAR', product_id: 'BIGINT'
            })
        )
    )
    """,
    f"""
    CREATE TABLE clicked AS
    WITH visits AS (
        SELECT visitor_id, visit, count(*) AS clicks, max(moment) - min(moment) AS lasted
        FROM event WHERE event_type <> 'purchase' GROUP BY ALL
    ), bots AS (
        SELECT visitor_id, visit FROM visits
        WHERE clicks >= 1000
           OR clicks >= 30 AND lasted < (clicks - 1) * INTERVAL 1 SECOND
    )
    SELECT product_id, {_monday("timezone('America/New_York', moment)")} AS week_start,
           count(*) FILTER (event_type = 'view') AS views,
           count(*) FILTER (event_type = 'add_to_cart') AS additions,
           count(*) FILTER (event_type = 'purchase') AS purchases
    FROM event ANTI JOIN bots USING (visitor_id, visit)
    WHERE event_type <> 'remove_from_cart'
    GROUP BY ALL
    """,
)

WEEKS = (
    """
    CREATE TABLE product_week AS
    WITH sales AS (
        SELECT product_id, week_start, sum(units) AS units, sum(value) AS revenue,
               count(DISTINCT basket_id) AS baskets, count(DISTINCT household_id) AS households,
               count(DISTINCT store_id) AS stores, sum(value + card + match) AS shelf_value,
               sum(coupon) AS coupon_discount
        FROM sold GROUP BY ALL
    )
    SELECT product_id, week_start,
           1 + (week_start - DATE '2016-12-26') // 7 AS business_week,
           CASE WHEN coalesce(is_fuel, false) THEN NULL ELSE coalesce(units, 0) END AS units,
           coalesce(revenue, 0) AS revenue,
           coalesce(baskets, 0) AS baskets,
           coalesce(households, 0) AS households,
           coalesce(sales.stores, 0) AS stores,
           coalesce(shelf_value, 0) AS shelf_value,
           coalesce(coupon_discount, 0) AS coupon_discount,
           s.price AS shelf_price,
           y.price AS loyalty_price,
           coalesce(displays, 0) AS stores_on_display,
           coalesce(mailers, 0) AS stores_in_mailer,
           coalesce(promoted.stores, 0) AS stores_promoted,
           promoted.stores IS NOT NULL AS is_promoted,
           coalesce(redemptions, 0) AS coupon_redemptions,
           coalesce(views, 0) AS views,
           coalesce(additions, 0) AS cart_additions,
           coalesce(purchases, 0) AS online_purchases
    FROM sales
    FULL JOIN shelf_price s USING (product_id, week_start)
    FULL JOIN loyalty_price y USING (product_id, week_start)
    FULL JOIN promoted USING (product_id, week_start)
    FULL JOIN redeemed USING (product_id, week_start)
    FULL JOIN clicked USING (product_id, week_start)
    LEFT JOIN listed USING (product_id)
    """,
)

PRODUCTS = (
    f"""
    CREATE TABLE lived AS
    SELECT product_id, min(business_date) AS first_sale_date, max(business_date) AS last_sale_date,
           date_diff('day', last_sale_date, {LAST_DAY}) AS days_since_last_sale,
           count(DISTINCT week_start) FILTER (week_start >= {YEAR}) AS weeks_sold,
           coalesce(sum(value) FILTER (business_date >= DATE '2017-10-02'), 0) AS now,
           coalesce(sum(value) FILTER (business_date BETWEEN DATE '2017-07-03'
                                                         AND DATE '2017-10-01'), 0) AS earlier,
           bool_or(value > 0 AND quantity = 0) AS paid_without_quantity
    FROM sold GROUP BY ALL
    """,
    f"""
    CREATE TABLE cost AS
    SELECT product_id, arg_max(shelf, week_start) AS shelf_price,
           arg_max(loyalty, week_start) AS loyalty_price, max(week_start) AS priced_week,
           count(*) FILTER (shelf <> before AND week_start >= {YEAR}) AS price_changes
    FROM (
        SELECT product_id, week_start, s.price AS shelf, y.price AS loyalty,
               lag(s.price) OVER (PARTITION BY product_id ORDER BY week_start) AS before
        FROM shelf_price s JOIN loyalty_price y USING (product_id, week_start)
    ) GROUP BY ALL
    """,
    """
    CREATE TABLE category_cost AS
    SELECT department, product_category, avg(CAST(shelf_price AS DOUBLE)) AS usual
    FROM cost JOIN listed USING (product_id)
    WHERE product_category IS NOT NULL GROUP BY ALL
    """,
    # Every product sold, in every week from its first on, whether anything happened or not.
    f"""
    CREATE TABLE calendar AS
    SELECT product_id, CAST(monday AS DATE) AS week_start
    FROM lived, generate_series({YEAR}, DATE '2017-12-25', INTERVAL 7 DAYS) t(monday)
    WHERE monday + INTERVAL 6 DAYS >= first_sale_date
    """,
    """
    CREATE TABLE lifted AS
    SELECT product_id,
           CASE WHEN count(*) FILTER (on_promotion) >= 4 AND count(*) FILTER (NOT on_promotion) >= 4
                THEN avg(pieces) FILTER (on_promotion)
                     / nullif(avg(pieces) FILTER (NOT on_promotion), 0) - 1 END AS uplift
    FROM (
        SELECT product_id, coalesce(is_promoted, false) AS on_promotion,
               coalesce(w.units, 0) AS pieces
        FROM calendar LEFT JOIN product_week w USING (product_id, week_start)
        JOIN listed USING (product_id) WHERE NOT is_fuel
    ) GROUP BY ALL
    """,
    f"""
    CREATE TABLE year AS
    SELECT product_id,
           sum(shelf_value - revenue) FILTER (week_start >= {QUARTER})
               / nullif(sum(shelf_value) FILTER (week_start >= {QUARTER}), 0) AS depth,
           count(*) FILTER (is_promoted) AS promotion_weeks,
           count(*) FILTER (stores_on_display > 0) AS display_weeks,
           count(*) FILTER (stores_in_mailer > 0) AS mailer_weeks,
           sum(coupon_redemptions) AS redemptions,
           sum(views) FILTER (week_start >= {QUARTER}) AS views,
           sum(cart_additions) FILTER (week_start >= {QUARTER}) AS additions,
           sum(online_purchases) FILTER (week_start >= {QUARTER}) AS purchases
    FROM product_week WHERE week_start >= {YEAR} GROUP BY ALL
    """,
    f"""
    CREATE TABLE offered AS
    WITH offers AS (
        SELECT DISTINCT product_id, campaign_id
        FROM all_coupons JOIN all_campaign_descriptions USING (campaign_id)
        WHERE start_date <= {LAST_DAY} AND end_date >= DATE '2017-01-02'
    ), sent AS (
        -- One row per set of campaigns; lists of households are too long to lay out by product.
        SELECT campaigns, count(DISTINCT household_id) AS reach
        FROM (SELECT DISTINCT campaigns, unnest(campaigns) AS campaign_id FROM (
            SELECT list(campaign_id ORDER BY campaign_id) AS campaigns FROM offers
            GROUP BY product_id
        )) JOIN all_campaigns USING (campaign_id)
        SEMI JOIN lines USING (household_id)
        GROUP BY ALL
    )
    SELECT product_id, len(campaigns) AS campaigns, coalesce(reach, 0) AS reach
    FROM (
        SELECT product_id, list(campaign_id ORDER BY campaign_id) AS campaigns
        FROM offers GROUP BY product_id
    ) LEFT JOIN sent USING (campaigns)
    """,
    *(
        f"""
        CREATE TABLE window_{days} AS
        FROM ({oracle.product_360(days)})
             t(product_id, units, revenue, baskets, households, repeat_rate)
        """
        for days in (7, 28, 91, 364)
    ),
    f"""
    CREATE TABLE product_360 AS
    SELECT p.product_id, manufacturer_id, p.department, p.product_category, product_type, brand,
           package_size, is_fuel, is_unknown_member, {LAST_DAY} AS as_of_date,
           first_sale_date, last_sale_date, days_since_last_sale,
           coalesce(weeks_sold, 0) AS weeks_sold_364d,
           CASE WHEN first_sale_date IS NULL THEN 'never_sold'
                WHEN first_sale_date >= DATE '2017-10-02' THEN 'new'
                WHEN last_sale_date < DATE '2017-10-02' THEN 'dormant'
                WHEN now > earlier AND now >= 1.25 * earlier THEN 'growing'
                WHEN now < earlier AND now <= 0.8 * earlier THEN 'declining'
                ELSE 'stable' END AS lifecycle_stage,
           {
        ", ".join(
            f"CASE WHEN NOT is_fuel THEN coalesce(w{days}.units, 0) END AS units_{days}d, "
            f"coalesce(w{days}.revenue, 0) AS revenue_{days}d, "
            f"coalesce(w{days}.baskets, 0) AS baskets_{days}d, "
            f"coalesce(w{days}.households, 0) AS households_{days}d, "
            f"w{days}.repeat_rate AS repeat_rate_{days}d"
            for days in (7, 28, 91, 364)
        )
    },
           shelf_price, loyalty_price, priced_week,
           coalesce(price_changes, 0) AS price_changes_364d,
           shelf_price / usual AS category_price_index,
           depth AS discount_depth_91d,
           coalesce(promotion_weeks, 0) AS promotion_weeks_364d,
           coalesce(display_weeks, 0) AS display_weeks_364d,
           coalesce(mailer_weeks, 0) AS mailer_weeks_364d,
           uplift AS promotion_uplift,
           coalesce(campaigns, 0) AS campaigns_364d,
           coalesce(reach, 0) AS campaign_reach_364d,
           coalesce(redemptions, 0) AS coupon_redemptions_364d,
           coalesce(y.views, 0) AS views_91d,
           coalesce(additions, 0) AS cart_additions_91d,
           coalesce(purchases, 0) AS online_purchases_91d,
           additions / nullif(y.views, 0) AS view_to_cart_rate_91d,
           purchases / nullif(additions, 0) AS cart_to_purchase_rate_91d,
           list_filter([
               CASE WHEN p.product_category IS NULL THEN 'no_category' END,
               CASE WHEN package_size IS NULL THEN 'no_package_size' END,
               CASE WHEN shelf_price IS NULL AND first_sale_date IS NOT NULL AND NOT is_fuel
                    THEN 'no_price' END,
               CASE WHEN is_unknown_member THEN 'not_in_catalogue' END,
               CASE WHEN paid_without_quantity THEN 'paid_without_quantity' END,
               CASE WHEN priced_week < {QUARTER} THEN 'price_is_old' END,
               CASE WHEN is_fuel THEN 'sold_by_volume' END
           ], lambda flag: flag IS NOT NULL) AS flags,
           nullif(array_to_string(flags, ','), '') AS quality_flags,
           len(flags) AS quality_flag_count
    FROM listed p
    LEFT JOIN lived USING (product_id)
    LEFT JOIN cost USING (product_id)
    LEFT JOIN category_cost c
           ON c.department = p.department AND c.product_category = p.product_category
    LEFT JOIN lifted USING (product_id)
    LEFT JOIN year y USING (product_id)
    LEFT JOIN offered USING (product_id)
    {" ".join(f"LEFT JOIN window_{days} w{days} USING (product_id)" for days in (7, 28, 91, 364))}
    """,
)
