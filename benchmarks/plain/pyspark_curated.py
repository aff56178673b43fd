"""The published tables, as Spark SQL computes them from clean, committed by the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.plain.claims import CLAIMS
from benchmarks.plain.product_360 import product_360
from benchmarks.plain.pyspark_story import interaction, product_week
from benchmarks.plain.work import Work, expect
from resources.catalog import LocalCatalogResource
from spark.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TIME_ZONE = "America/New_York"


def publish_all(session: SparkSession, work: Work) -> None:
    """Every published table that the script makes, in order."""
    catalog = LocalCatalogResource(home=str(work.out))
    for table in work.tables():
        rows = session.read.parquet(f"file://{work.clean_folder(table.full_name)}")
        rows.createOrReplaceTempView(f"clean_{table.name}")
    for identifier, query in QUERIES.items():
        with work.timed(identifier):
            catalog.ensure_table(TABLES[identifier])
            _publish(session, work, identifier, query)
    as_of = session.sql("SELECT max(business_date) FROM sales_line").collect()[0][0]
    campaigns = "concat_ws('+', sort_array(collect_set(CAST(campaign_id AS string))))"
    with work.timed("curated.product_360"):
        catalog.ensure_table(TABLES["curated.product_360"])
        query = product_360(
            as_of, campaigns_as_text=campaigns, days_between="datediff({later}, {earlier})"
        )
        _publish(session, work, "curated.product_360", query)
    _check_sales(session)


def _publish(session: SparkSession, work: Work, identifier: str, query: str) -> None:
    table = TABLES[identifier]
    target = f"lake.{identifier}"
    rows = session.sql(query).select(*table.column_names)
    rows.writeTo(target).append()
    session.table(target).createOrReplaceTempView(table.name)
    keys = ", ".join(table.key)
    # Not count(DISTINCT …): one of the engines takes gigabytes for a few columns of it.
    twice = f"SELECT 1 FROM {table.name} GROUP BY {keys} HAVING count(*) > 1"
    work.published[identifier] = int(session.table(target).count())
    expect(f"{identifier} has its key once", holds=session.sql(twice).count() == 0)
    expect(f"{identifier} has rows", holds=work.published[identifier] > 0)


def _check_sales(session: SparkSession) -> None:
    def one(query: str) -> tuple[object, ...]:
        return tuple(session.sql(query).collect()[0])

    totals = "count(*), sum(sales_value), sum(retail_discount + coupon_discount)"
    published = one(f"SELECT {totals} FROM sales_line")
    clean = one(f"SELECT {totals} FROM {_latest('clean_sales_line', LINE)}")
    expect("sales equal the clean lines to the cent", holds=published == clean)
    for claim, query in CLAIMS.items():
        expect(claim, holds=one(query) == (True,))


def _latest(view: str, key: str) -> str:
    """A subquery: the last change of each key that is no delete; files go by their delivery."""
    committed = "coalesce(_committed_at, CAST(_landing_date AS timestamp))"
    newest = f"{committed} DESC, _change_sequence DESC, _operation = 'D' DESC, _batch_id"
    order = f"concat_ws(' ', CAST({committed} AS string), coalesce(_change_sequence, ''))"
    return f"""(
        SELECT * FROM (
            SELECT *, {order} AS _change_order,
                   row_number() OVER (PARTITION BY {key} ORDER BY {newest}) AS _place
            FROM {view}
        ) WHERE _place = 1 AND _operation <> 'D'
    )"""


LINE = "basket_id, product_id"

_PRODUCT = f"""
    WITH listed AS (
        SELECT p.product_id, p.manufacturer_id, h.department, h.product_category, h.product_type,
               p.brand, p.package_size,
               coalesce(h.department = 'FUEL', false)
                   OR coalesce(h.product_type LIKE 'GASOLINE%', false) AS is_fuel,
               false AS is_unknown_member, p._batch_id, p._change_order
        FROM {_latest("clean_product", "product_id")} p
        LEFT JOIN {_latest("clean_product_hierarchy", "hierarchy_id")} h
               ON p.hierarchy_id = h.hierarchy_id
    )
    SELECT * FROM listed
    UNION ALL
    SELECT s.product_id, CAST(NULL AS bigint), 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN',
           'UNKNOWN', false, true, min(s._batch_id), ''
    FROM clean_sales_line s LEFT ANTI JOIN listed ON s.product_id = listed.product_id
    GROUP BY s.product_id
"""

_CUSTOMER = f"""
    SELECT h.household_id, h.first_seen_at, d.age AS age_band, d.income AS income_band,
           d.home_ownership, d.marital_status, d.household_size,
           d.household_comp AS household_composition, d.kids_count,
           d.household_id IS NOT NULL AS has_demographics, h._batch_id, h._change_order
    FROM {_latest("clean_household", "household_id")} h
    LEFT JOIN {_latest("clean_demographic", "household_id")} d ON h.household_id = d.household_id
"""

_SALES_LINE = f"""
    SELECT l.basket_id, l.product_id, b.household_id, b.store_id, b.sold_at,
           to_date(from_utc_timestamp(b.sold_at, '{TIME_ZONE}')) AS business_date,
           b.week AS business_week, l.quantity,
           CASE WHEN NOT coalesce(p.is_fuel, false) THEN l.quantity END AS units,
           coalesce(p.is_fuel, false) AS is_fuel,
           coalesce(NOT p.is_unknown_member, false) AS is_known_product,
           l.sales_value, l.retail_discount, l.coupon_discount, l.coupon_match_discount,
           l._batch_id, l._change_order
    FROM {_latest("clean_sales_line", LINE)} l
    LEFT JOIN {_latest("clean_basket", "basket_id")} b ON l.basket_id = b.basket_id
    LEFT JOIN product p ON l.product_id = p.product_id
"""


# A weekly file comes on the Monday after its week.
_WEEK_START = "CAST(date_trunc('week', date_sub(_landing_date, 1)) AS date)"

_PRICE_WEEK = f"""
    SELECT product_id, {_WEEK_START} AS week_start, week AS business_week, shelf_price,
           loyalty_price, lines AS price_lines, _batch_id, _change_order
    FROM {_latest("clean_price_week", f"product_id, {_WEEK_START}")}
"""

_PROMOTION_WEEK = f"""
    WITH placed AS (
        SELECT product_id, store_id, {_WEEK_START} AS week_start, week AS business_week,
               nullif(display_location, '0') AS display, nullif(mailer_location, '0') AS mailer,
               _batch_id, CAST(_landing_date AS string) AS _change_order
        FROM clean_promotion_week
    ),
    repeated AS (
        SELECT product_id, store_id, week_start FROM placed
        GROUP BY product_id, store_id, week_start HAVING count(*) > 1
    ),
    combined AS (
        SELECT p.product_id, p.store_id, p.week_start, max(business_week) AS business_week,
               nullif(concat_ws('+', sort_array(collect_set(display))), '') AS display,
               nullif(concat_ws('+', sort_array(collect_set(mailer))), '') AS mailer,
               min(_batch_id) AS _batch_id, max(_change_order) AS _change_order
        FROM placed p LEFT SEMI JOIN repeated r ON p.product_id = r.product_id
             AND p.store_id = r.store_id AND p.week_start = r.week_start
        GROUP BY p.product_id, p.store_id, p.week_start
    ),
    every AS (
        SELECT p.* FROM placed p LEFT ANTI JOIN repeated r ON p.product_id = r.product_id
               AND p.store_id = r.store_id AND p.week_start = r.week_start
        UNION ALL SELECT * FROM combined
    )
    SELECT product_id, store_id, week_start, business_week, display IS NOT NULL AS is_on_display,
           mailer IS NOT NULL AS is_in_mailer, display AS display_locations,
           mailer AS mailer_locations, _batch_id, _change_order
    FROM every
"""

_CLICK_EVENT = f"""
    SELECT event_id, visitor_id, household_id, event_type, event_time,
           to_date(from_utc_timestamp(event_time, '{TIME_ZONE}')) AS event_date, product_id,
           quantity, basket_id, session_id AS source_session_id, synthetic AS is_synthetic,
           generator, seed AS generator_seed, _batch_id, _change_order
    FROM {_latest("clean_click_event", "event_id")}
"""

_CLICK_SESSION = """
    WITH delivered AS (SELECT max(_landing_date) AS newest FROM clean_click_event),
    as_of AS (
        SELECT max(event_date) AS day FROM click_event CROSS JOIN delivered
        WHERE event_date < newest
    ),
    timed AS (
        SELECT e.*, day, unix_micros(event_time) AS at FROM click_event e CROSS JOIN as_of
        WHERE event_date <= day
    ),
    paused AS (
        SELECT *, at - lag(at) OVER (PARTITION BY visitor_id ORDER BY at) AS pause FROM timed
    ),
    begun AS (
        SELECT *, max(CASE WHEN pause IS NULL OR pause > 1800000000 THEN at END) OVER (
                   PARTITION BY visitor_id ORDER BY at
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS first_at,
               CASE WHEN event_type <> 'purchase' THEN at END AS click
        FROM paused
    ),
    visits AS (
        SELECT visitor_id, first_at, min(household_id) AS least,
               max(household_id) AS greatest, min(event_time) AS started_at,
               max(event_time) AS ended_at, min(event_date) AS session_date, max(at) AS last_at,
               count(*) AS events, count(CASE WHEN event_type = 'view' THEN 1 END) AS views,
               count(DISTINCT CASE WHEN event_type = 'view' THEN product_id END)
                   AS products_viewed,
               count(CASE WHEN event_type = 'add_to_cart' THEN 1 END) AS cart_additions,
               count(CASE WHEN event_type = 'remove_from_cart' THEN 1 END) AS cart_removals,
               count(DISTINCT CASE WHEN event_type = 'purchase' THEN product_id END)
                   AS products_purchased,
               min(basket_id) AS basket_id, count(DISTINCT source_session_id) AS source_sessions,
               max(is_synthetic) AS is_synthetic, count(click) AS clicks,
               max(click) - min(click) AS clicking
        FROM begun GROUP BY visitor_id, first_at
    )
    SELECT substr(sha2(concat_ws(' ', visitor_id, CAST(first_at AS string)), 256), 1, 32)
               AS session_id,
           *, CASE WHEN least = greatest THEN least END AS household_id,
           (last_at - first_at) DIV 1000000 AS duration_seconds,
           products_purchased > 0 AS is_converted,
           clicks >= 1000 OR (clicks >= 30 AND clicking < (clicks - 1) * 1000000) AS is_bot
    FROM visits
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
        FROM promotion_week CROSS JOIN as_of WHERE date_add(week_start, 6) <= day
        GROUP BY store_id
    )
    SELECT coalesce(s.store_id, p.store_id) AS store_id, day AS as_of_date, first_sale_date,
           last_sale_date, coalesce(trading_days, 0) AS trading_days,
           coalesce(baskets, 0) AS baskets, coalesce(households, 0) AS households,
           coalesce(products_sold, 0) AS products_sold,
           CAST(coalesce(revenue, 0) AS decimal(18,2)) AS revenue,
           coalesce(promotion_weeks, 0) AS promotion_weeks, first_promotion_week,
           promotion_weeks IS NOT NULL AS has_promotions
    FROM sold s FULL JOIN promoted p ON s.store_id = p.store_id CROSS JOIN as_of
"""

_WEEKLY_DEMAND = """
    WITH ends AS (
        SELECT CAST(date_trunc('week', date_sub(min(business_date), 1)) AS date) AS before_first,
               CAST(date_trunc('week', date_sub(max(business_date), 6)) AS date) AS last_monday
        FROM sales_line
    ),
    weekly AS (
        SELECT CAST(product_id AS string) AS item_id,
               CAST(date_trunc('week', business_date) AS date) AS week_start,
               CAST(sum(CAST(units AS decimal(20,0))) AS double) AS demand
        FROM sales_line WHERE units IS NOT NULL
        GROUP BY CAST(product_id AS string), CAST(date_trunc('week', business_date) AS date)
    ),
    items AS (
        SELECT item_id, greatest(min(week_start), max(date_add(before_first, 7))) AS first_week,
               max(last_monday) AS last_monday
        FROM weekly CROSS JOIN ends GROUP BY item_id
    ),
    weeks AS (
        SELECT item_id, explode(sequence(first_week, last_monday, INTERVAL 7 DAYS)) AS week_start
        FROM items WHERE first_week <= last_monday
    )
    SELECT w.item_id, w.week_start, coalesce(d.demand, 0.0) AS demand
    FROM weeks w LEFT JOIN weekly d ON w.item_id = d.item_id AND w.week_start = d.week_start
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
            "campaign": _latest("clean_campaign", "campaign_id"),
            "campaign_target": _latest("clean_campaign_target", "campaign_id, household_id"),
            "coupon": _latest("clean_coupon", "campaign_id, coupon_upc, product_id"),
            "coupon_redemption": _latest(
                "clean_coupon_redemption", "campaign_id, household_id, coupon_upc, redemption_date"
            ),
        }
    ),
    "curated.product_week": product_week(),
    "forecast.weekly_demand": _WEEKLY_DEMAND,
}
