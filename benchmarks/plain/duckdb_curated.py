"""The published tables, as DuckDB computes them from clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from benchmarks.plain.claims import CLAIMS
from benchmarks.plain.duckdb_story import PRODUCT_WEEK, interaction
from benchmarks.plain.iceberg import open_catalog, write_table
from benchmarks.plain.product_360 import product_360
from benchmarks.plain.work import Work, expect
from spark.tables import TABLES

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

TIME_ZONE = "America/New_York"


def publish_all(connection: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Every published table that the script makes, in order."""
    catalog = open_catalog(work.out)
    for table in work.tables():
        files = work.clean_folder(table.full_name) / "*" / "*.parquet"
        connection.execute(f"""CREATE VIEW "{table.full_name}" AS FROM read_parquet('{files}')""")
    for identifier, query in QUERIES.items():
        with work.timed(identifier):
            _publish(connection, work, catalog, identifier, query)
    (as_of,) = connection.execute("SELECT max(business_date) FROM sales_line").fetchone() or ()
    campaigns = "string_agg(CAST(campaign_id AS VARCHAR), '+' ORDER BY campaign_id)"
    with work.timed("curated.product_360"):
        query = product_360(
            as_of, campaigns_as_text=campaigns, days_between="({later} - {earlier})"
        )
        _publish(connection, work, catalog, "curated.product_360", query)
    _check_sales(connection)


def _publish(
    connection: duckdb.DuckDBPyConnection,
    work: Work,
    catalog: Catalog,
    identifier: str,
    query: str,
) -> None:
    name = TABLES[identifier].name
    connection.execute(f"CREATE TABLE {name} AS {query}")
    rows = connection.table(name).to_arrow_table()
    work.published[identifier] = write_table(catalog, identifier, rows)
    keys = ", ".join(TABLES[identifier].key)
    twice = f"SELECT 1 FROM {name} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"
    expect(f"{identifier} has its key once", holds=not connection.execute(twice).fetchall())
    expect(f"{identifier} has rows", holds=work.published[identifier] > 0)


def _check_sales(connection: duckdb.DuckDBPyConnection) -> None:
    totals = "count(*), sum(sales_value), sum(retail_discount + coupon_discount)"
    published = connection.execute(f"SELECT {totals} FROM sales_line").fetchall()
    clean = connection.execute(f"SELECT {totals} FROM {_latest('pos.sales_line', LINE)}").fetchall()
    expect("sales equal the clean lines to the cent", holds=published == clean)
    for claim, query in CLAIMS.items():
        expect(claim, holds=connection.execute(query).fetchall() == [(True,)])


def _latest(table: str, key: str) -> str:
    """A subquery: the last change of each key that is no delete; files go by their delivery."""
    committed = "coalesce(_committed_at, CAST(_landing_date AS TIMESTAMPTZ))"
    return f"""(
        FROM (
            SELECT *, concat_ws(' ', {committed}, coalesce(_change_sequence, '')) AS _change_order
            FROM "{table}"
            QUALIFY row_number() OVER (
                PARTITION BY {key}
                ORDER BY {committed} DESC, _change_sequence DESC, _operation = 'D' DESC, _batch_id
            ) = 1
        ) WHERE _operation <> 'D'
    )"""


LINE = "basket_id, product_id"

_PRODUCT = f"""
    WITH listed AS (
        SELECT p.product_id, p.manufacturer_id, h.department, h.product_category, h.product_type,
               p.brand, p.package_size,
               coalesce(h.department = 'FUEL', false)
                   OR coalesce(starts_with(h.product_type, 'GASOLINE'), false) AS is_fuel,
               false AS is_unknown_member, p._batch_id, p._change_order
        FROM {_latest("catalog.product", "product_id")} p
        LEFT JOIN {_latest("catalog.product_hierarchy", "hierarchy_id")} h USING (hierarchy_id)
    )
    FROM listed
    UNION ALL
    SELECT product_id, NULL, 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', false, true,
           min(_batch_id), ''
    FROM "pos.sales_line" ANTI JOIN listed USING (product_id) GROUP BY product_id
"""

_CUSTOMER = f"""
    SELECT h.household_id, h.first_seen_at, d.age AS age_band, d.income AS income_band,
           d.home_ownership, d.marital_status, d.household_size,
           d.household_comp AS household_composition, d.kids_count,
           d.household_id IS NOT NULL AS has_demographics, h._batch_id, h._change_order
    FROM {_latest("crm.household", "household_id")} h
    LEFT JOIN {_latest("crm.demographic", "household_id")} d USING (household_id)
"""

_SALES_LINE = f"""
    SELECT l.basket_id, l.product_id, b.household_id, b.store_id, b.sold_at,
           CAST(timezone('{TIME_ZONE}', b.sold_at) AS DATE) AS business_date,
           b.week AS business_week, l.quantity,
           CASE WHEN NOT coalesce(p.is_fuel, false) THEN l.quantity END AS units,
           coalesce(p.is_fuel, false) AS is_fuel,
           coalesce(NOT p.is_unknown_member, false) AS is_known_product,
           l.sales_value, l.retail_discount, l.coupon_discount, l.coupon_match_discount,
           l._batch_id, l._change_order
    FROM {_latest("pos.sales_line", LINE)} l
    LEFT JOIN {_latest("pos.basket", "basket_id")} b USING (basket_id)
    LEFT JOIN product p USING (product_id)
"""


# A weekly file comes on the Monday after its week.
_WEEK_START = "CAST(date_trunc('week', _landing_date - 1) AS DATE)"

_PRICE_WEEK = f"""
    SELECT product_id, {_WEEK_START} AS week_start, week AS business_week, shelf_price,
           loyalty_price, lines AS price_lines, _batch_id, _change_order
    FROM {_latest("pricing.price_week", f"product_id, {_WEEK_START}")}
"""

_PROMOTION_WEEK = f"""
    WITH placed AS (
        SELECT product_id, store_id, {_WEEK_START} AS week_start, week AS business_week,
               nullif(display_location, '0') AS display, nullif(mailer_location, '0') AS mailer,
               _batch_id, CAST(_landing_date AS VARCHAR) AS _change_order
        FROM "pricing.promotion_week"
    ),
    repeated AS (
        SELECT product_id, store_id, week_start FROM placed GROUP BY ALL HAVING count(*) > 1
    ),
    combined AS (
        SELECT product_id, store_id, week_start, max(business_week) AS business_week,
               string_agg(DISTINCT display, '+' ORDER BY display) AS display,
               string_agg(DISTINCT mailer, '+' ORDER BY mailer) AS mailer,
               min(_batch_id) AS _batch_id, max(_change_order) AS _change_order
        FROM placed SEMI JOIN repeated USING (product_id, store_id, week_start)
        GROUP BY product_id, store_id, week_start
    )
    SELECT product_id, store_id, week_start, business_week, display IS NOT NULL AS is_on_display,
           mailer IS NOT NULL AS is_in_mailer, display AS display_locations,
           mailer AS mailer_locations, _batch_id, _change_order
    FROM (
        FROM placed ANTI JOIN repeated USING (product_id, store_id, week_start)
        UNION ALL BY NAME FROM combined
    )
"""

_CLICK_EVENT = f"""
    SELECT event_id, visitor_id, household_id, event_type, event_time,
           CAST(timezone('{TIME_ZONE}', event_time) AS DATE) AS event_date, product_id, quantity,
           basket_id, session_id AS source_session_id, synthetic AS is_synthetic, generator,
           seed AS generator_seed, _batch_id, _change_order
    FROM {_latest("clickstream.click_event", "event_id")}
"""

_CLICK_SESSION = """
    WITH as_of AS (
        SELECT max(event_date) FROM click_event
        WHERE event_date < (SELECT max(_landing_date) FROM "clickstream.click_event")
    ),
    paused AS (
        SELECT *, epoch_us(event_time) AS instant,
               epoch_us(event_time) - lag(epoch_us(event_time)) OVER visitor AS pause
        FROM click_event WHERE event_date <= (FROM as_of)
        WINDOW visitor AS (PARTITION BY visitor_id ORDER BY event_time)
    ),
    begun AS (
        SELECT *, max(CASE WHEN pause IS NULL OR pause > 1_800_000_000 THEN instant END) OVER (
                   PARTITION BY visitor_id ORDER BY instant
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS first_at
        FROM paused
    )
    SELECT left(sha256(concat_ws(' ', visitor_id, first_at)), 32) AS session_id, visitor_id,
           CASE WHEN min(household_id) = max(household_id) THEN min(household_id) END
               AS household_id,
           min(event_time) AS started_at, max(event_time) AS ended_at,
           min(event_date) AS session_date,
           (max(instant) - first_at) // 1_000_000 AS duration_seconds,
           count(*) AS events, count(*) FILTER (event_type = 'view') AS views,
           count(DISTINCT product_id) FILTER (event_type = 'view') AS products_viewed,
           count(*) FILTER (event_type = 'add_to_cart') AS cart_additions,
           count(*) FILTER (event_type = 'remove_from_cart') AS cart_removals,
           count(DISTINCT product_id) FILTER (event_type = 'purchase') AS products_purchased,
           min(basket_id) AS basket_id, count(DISTINCT source_session_id) AS source_sessions,
           products_purchased > 0 AS is_converted,
           events - count(*) FILTER (event_type = 'purchase') AS clicks,
           coalesce(clicks >= 1000 OR (clicks >= 30 AND
               max(instant) FILTER (event_type <> 'purchase')
               - min(instant) FILTER (event_type <> 'purchase') < (clicks - 1) * 1_000_000), false)
               AS is_bot,
           bool_or(is_synthetic) AS is_synthetic
    FROM begun GROUP BY visitor_id, first_at
"""

_STORE = """
    WITH as_of AS (SELECT max(business_date) AS day FROM sales_line),
    sold AS (
        SELECT store_id, min(business_date) AS first_sale_date,
               max(business_date) AS last_sale_date,
               count(DISTINCT business_date) AS trading_days,
               count(DISTINCT basket_id) AS baskets, count(DISTINCT household_id) AS households,
               count(DISTINCT product_id) AS products_sold, sum(sales_value) AS revenue
        FROM sales_line WHERE store_id IS NOT NULL GROUP BY store_id
    ),
    promoted AS (
        SELECT store_id, count(DISTINCT week_start) AS promotion_weeks,
               min(week_start) AS first_promotion_week
        FROM promotion_week WHERE week_start + 6 <= (SELECT day FROM as_of) GROUP BY store_id
    )
    SELECT store_id, (SELECT day FROM as_of) AS as_of_date, first_sale_date, last_sale_date,
           coalesce(trading_days, 0) AS trading_days, coalesce(baskets, 0) AS baskets,
           coalesce(households, 0) AS households, coalesce(products_sold, 0) AS products_sold,
           coalesce(revenue, 0) AS revenue, coalesce(promotion_weeks, 0) AS promotion_weeks,
           first_promotion_week, promotion_weeks IS NOT NULL AS has_promotions
    FROM sold FULL JOIN promoted USING (store_id)
"""

_WEEKLY_DEMAND = """
    WITH ends AS (
        SELECT date_trunc('week', min(business_date) - 1)::DATE + 7 AS first_monday,
               date_trunc('week', max(business_date) - 6)::DATE AS last_monday
        FROM sales_line
    ),
    weekly AS (
        SELECT CAST(product_id AS VARCHAR) AS item_id,
               date_trunc('week', business_date)::DATE AS week_start, sum(units)::DOUBLE AS demand
        FROM sales_line WHERE units IS NOT NULL GROUP BY ALL
    ),
    weeks AS (
        SELECT item_id, unnest(generate_series(
                   greatest(min(week_start), any_value(first_monday)),
                   any_value(last_monday), INTERVAL 7 DAY))::DATE AS week_start
        FROM weekly, ends GROUP BY item_id
    )
    SELECT item_id, week_start, coalesce(demand, 0) AS demand
    FROM weeks LEFT JOIN weekly USING (item_id, week_start)
"""

# Published in this order: each may read the ones before it.
QUERIES = {
    "curated.product": _PRODUCT,
    "curated.customer": _CUSTOMER,
    "curated.sales_line": _SALES_LINE,
    "curated.price_week": _PRICE_WEEK,
    "curated.promotion_week": _PROMOTION_WEEK,
    "curated.click_event": _CLICK_EVENT,
    "curated.click_session": _CLICK_SESSION,
    "curated.store": _STORE,
    "curated.interaction": interaction(
        {
            "campaign": _latest("marketing.campaign", "campaign_id"),
            "campaign_target": _latest("marketing.campaign_target", "campaign_id, household_id"),
            "coupon": _latest("marketing.coupon", "campaign_id, coupon_upc, product_id"),
            "coupon_redemption": _latest(
                "marketing.coupon_redemption",
                "campaign_id, household_id, coupon_upc, redemption_date",
            ),
        }
    ),
    "curated.product_week": PRODUCT_WEEK,
    "forecast.weekly_demand": _WEEKLY_DEMAND,
}
