"""What the package says of prices, promotions, stores and campaigns: DuckDB over its files alone.

Weeks are read off the calendar of the sales lines and not off their number, so that a week that was
numbered or begun wrongly cannot agree. Rows of many weeks are compared as one hash for each week.
"""

from __future__ import annotations

import duckdb
import oracle


def panel(scale: str) -> duckdb.DuckDBPyConnection:
    """The oracle's panel, with every household's lines, the weeks and the campaign tables."""
    connection = oracle.panel(scale)
    for table in ("promotions", "campaigns", "campaign_descriptions", "coupon_redemptions"):
        file = oracle.package_file(table)
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{file}'")
    connection.execute(
        f"""
        CREATE VIEW coupons AS SELECT DISTINCT * FROM '{oracle.package_file("coupons")}';
        CREATE VIEW all_lines AS SELECT * FROM '{oracle.package_file("transactions")}';
        CREATE TABLE calendar AS
        SELECT DISTINCT week, date_trunc('week', business_date)::DATE AS week_start FROM lines;
        CREATE TABLE sampled AS SELECT DISTINCT household_id FROM lines;
        """
    )
    return connection


def by_week(rows: str, *columns: str) -> str:
    """Rows of each week as their number and the sum of their hashes."""
    return f"""
        SELECT week_start::DATE AS week_start, count(*) AS rows,
               sum(hash({", ".join(columns)})::HUGEINT) AS hashed
        FROM {rows} GROUP BY ALL ORDER BY ALL
    """


PRICE_COLUMNS = (
    "product_id::BIGINT",
    "business_week::INT",
    "shelf_price::DECIMAL(12, 2)",
    "loyalty_price::DECIMAL(12, 2)",
    "price_lines::BIGINT",
)

# No two prices are closer than a cent, and half a cent is exact in binary: no rounding can slip.
PRICES = """(
    WITH priced AS (
        SELECT product_id, week, quantity,
               round(100 * (sales_value + retail_disc + coupon_match_disc)) AS shelf,
               round(100 * (sales_value + coupon_match_disc)) AS loyalty
        FROM all_lines JOIN products USING (product_id)
        WHERE quantity BETWEEN 1 AND 100 AND sales_value > 0
          AND department <> 'FUEL' AND coalesce(product_type, '') NOT LIKE 'GASOLINE%'
    ), asked AS (
        UNPIVOT (SELECT product_id, week, floor(shelf / quantity + 0.5) AS shelf,
                        floor(loyalty / quantity + 0.5) AS loyalty FROM priced)
        ON shelf, loyalty INTO NAME kind VALUE cents
    ), usual AS (
        SELECT product_id, week, kind, cents, sum(count(*)) OVER one_kind AS lines
        FROM asked GROUP BY product_id, week, kind, cents
        WINDOW one_kind AS (PARTITION BY product_id, week, kind)
        QUALIFY row_number() OVER (
            PARTITION BY product_id, week, kind ORDER BY count(*) DESC, cents
        ) = 1
    )
    SELECT product_id, week_start, week AS business_week, max(lines) AS price_lines,
           (max(cents) FILTER (kind = 'shelf') / 100)::DECIMAL(12, 2) AS shelf_price,
           (max(cents) FILTER (kind = 'loyalty') / 100)::DECIMAL(12, 2) AS loyalty_price
    FROM usual JOIN calendar USING (week) SEMI JOIN lines USING (product_id, week)
    GROUP BY product_id, week_start, week
)"""

PROMOTION_COLUMNS = (
    "product_id::BIGINT",
    "store_id::BIGINT",
    "business_week::INT",
    "is_on_display",
    "is_in_mailer",
    "display_locations",
    "mailer_locations",
)


def promotions(scale: str) -> str:
    """Promotions by product, store and week. A sample keeps those that its households met."""
    met = "" if scale == "full" else "SEMI JOIN lines USING (product_id, store_id, week)"
    return f"""(
        SELECT product_id, store_id, week_start, week AS business_week,
               count(*) FILTER (display_location <> '0') > 0 AS is_on_display,
               count(*) FILTER (mailer_location <> '0') > 0 AS is_in_mailer,
               string_agg(DISTINCT nullif(display_location, '0'), '+'
                          ORDER BY nullif(display_location, '0')) AS display_locations,
               string_agg(DISTINCT nullif(mailer_location, '0'), '+'
                          ORDER BY nullif(mailer_location, '0')) AS mailer_locations
        FROM promotions JOIN calendar USING (week) {met}
        GROUP BY product_id, store_id, week_start, week
    )"""


STORE_COLUMNS = (
    "store_id, first_sale_date, last_sale_date, trading_days, baskets, households, products_sold, "
    "revenue, promotion_weeks, first_promotion_week, has_promotions"
)


def stores(scale: str) -> str:
    """Stores on the year's last day."""
    return f"""
        WITH sold AS (
            SELECT store_id, min(business_date) AS first_sale_date,
                   max(business_date) AS last_sale_date,
                   count(DISTINCT business_date) AS trading_days,
                   count(DISTINCT basket_id) AS baskets,
                   count(DISTINCT household_id) AS households,
                   count(DISTINCT product_id) AS products_sold,
                   sum(CAST(sales_value AS DECIMAL(12, 2))) AS revenue
            FROM lines GROUP BY store_id
        ), promoted AS (
            SELECT store_id, count(DISTINCT week_start) AS promotion_weeks,
                   min(week_start) AS first_promotion_week, true AS has_promotions
            FROM {promotions(scale)} GROUP BY store_id
        )
        SELECT store_id, first_sale_date, last_sale_date, coalesce(trading_days, 0),
               coalesce(baskets, 0), coalesce(households, 0), coalesce(products_sold, 0),
               coalesce(revenue, 0), coalesce(promotion_weeks, 0), first_promotion_week,
               coalesce(has_promotions, false)
        FROM sold FULL JOIN promoted USING (store_id) ORDER BY store_id
    """


TARGETS = """
    SELECT campaign_id, household_id, campaign_type, start_date::DATE, end_date::DATE
    FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    SEMI JOIN sampled USING (household_id) ORDER BY ALL
"""

OFFERS = """
    SELECT campaign_id, CAST(coupon_upc AS VARCHAR), product_id, start_date::DATE
    FROM coupons JOIN campaign_descriptions USING (campaign_id) ORDER BY ALL
"""


def redemptions(day: str = "business_date") -> str:
    """Coupons used, with the receipts of their day; `day` is a line's date, local or another."""
    return f"""
        WITH used AS (
            SELECT household_id, campaign_id, coupon_upc, redemption_date::DATE AS day
            FROM coupon_redemptions SEMI JOIN sampled USING (household_id)
        ), seen AS (
            SELECT u.*, l.basket_id, l.product_id, l.sales_value, l.coupon_disc,
                   EXISTS (FROM coupons c WHERE c.coupon_upc = u.coupon_upc
                           AND c.campaign_id = u.campaign_id AND c.product_id = l.product_id)
                       AS is_offered
            FROM used u JOIN lines l ON l.household_id = u.household_id AND l.{day} = u.day
        ), ranked AS (
            SELECT household_id, campaign_id, coupon_upc, day, basket_id,
                   row_number() OVER (PARTITION BY household_id, campaign_id, coupon_upc, day
                                      ORDER BY count_if(is_offered) DESC, basket_id) AS place
            FROM seen GROUP BY household_id, campaign_id, coupon_upc, day, basket_id
        ), summed AS (
            SELECT household_id, campaign_id, coupon_upc, day,
                   count(DISTINCT basket_id) AS baskets,
                   count(DISTINCT product_id) FILTER (is_offered) AS products,
                   sum(CAST(sales_value AS DECIMAL(12, 2))) FILTER (is_offered) AS value,
                   sum(CAST(coupon_disc AS DECIMAL(12, 2))) FILTER (is_offered) AS discount
            FROM seen GROUP BY ALL
        )
        SELECT household_id, campaign_id, CAST(coupon_upc AS VARCHAR), day, basket_id,
               coalesce(baskets, 0), coalesce(products, 0), coalesce(value, 0),
               coalesce(discount, 0)
        FROM used LEFT JOIN summed USING (household_id, campaign_id, coupon_upc, day)
        LEFT JOIN (FROM ranked WHERE place = 1)
            USING (household_id, campaign_id, coupon_upc, day)
        ORDER BY ALL
    """
