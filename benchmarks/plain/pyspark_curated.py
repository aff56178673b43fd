"""The published tables, as Spark SQL computes them from clean, committed by the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.plain.work import Work, expect
from resources.catalog import LocalCatalogResource
from spark.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TIME_ZONE = "America/New_York"
WINDOWS = (7, 28, 91, 364)


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
    lost = one(
        """SELECT count(*) FROM sales_line
           WHERE business_date IS NULL OR store_id IS NULL OR household_id IS NULL"""
    )
    expect("every line has its receipt", holds=lost == (0,))
    revenue = one("SELECT sum(revenue_364d) FROM product_360")
    sold = one(
        """SELECT sum(sales_value) FROM sales_line
           CROSS JOIN (SELECT max(business_date) AS as_of FROM sales_line)
           WHERE business_date > date_sub(as_of, 364)"""
    )
    expect("revenue equals the sales of the longest window", holds=revenue == sold)


def _latest(view: str, key: str) -> str:
    """A subquery: the last change of each key that is no delete."""
    newest = "_committed_at DESC, _change_sequence DESC, _operation = 'D' DESC, _batch_id"
    order = "concat_ws(' ', CAST(_committed_at AS string), coalesce(_change_sequence, ''))"
    return f"""(
        SELECT * FROM (
            SELECT *, {order} AS _change_order,
                   row_number() OVER (PARTITION BY {key} ORDER BY {newest}) AS _place
            FROM {view}
        ) WHERE _place = 1 AND _operation <> 'D'
    )"""


LINE = "basket_id, product_id"
_ATTRIBUTES = (
    *("product_id", "manufacturer_id", "department", "product_category", "product_type"),
    *("brand", "package_size", "is_fuel", "is_unknown_member"),
)

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


def _product_360() -> str:
    def inside(days: int, value: str) -> str:
        return f"CASE WHEN business_date > date_sub(as_of, {days}) THEN {value} END"

    sums = ", ".join(
        f"""sum({inside(days, "CAST(units AS decimal(20,0))")}) AS units_{days},
            sum({inside(days, "sales_value")}) AS revenue_{days},
            count({inside(days, "1")}) AS visits_{days}"""
        for days in WINDOWS
    )
    totals = ", ".join(
        f"""sum(units_{days}) AS units_{days}, sum(revenue_{days}) AS revenue_{days},
            sum(visits_{days}) AS baskets_{days},
            count(CASE WHEN visits_{days} > 0 THEN 1 END) AS households_{days},
            count(CASE WHEN visits_{days} > 1 THEN 1 END) AS repeaters_{days}"""
        for days in WINDOWS
    )
    attributes = ", ".join(f"p.{name}" for name in _ATTRIBUTES)
    columns = ", ".join(
        f"""CASE WHEN NOT is_fuel THEN coalesce(CAST(units_{days} AS bigint), 0) END
                AS units_{days}d,
            CAST(coalesce(revenue_{days}, 0) AS decimal(18,2)) AS revenue_{days}d,
            coalesce(baskets_{days}, 0) AS baskets_{days}d,
            coalesce(households_{days}, 0) AS households_{days}d,
            CASE WHEN households_{days} > 0 THEN CAST(repeaters_{days} AS double)
                / CAST(households_{days} AS double) END AS repeat_rate_{days}d"""
        for days in WINDOWS
    )
    return f"""
        WITH newest AS (SELECT max(business_date) AS as_of FROM sales_line),
        by_household AS (
            SELECT product_id, household_id, min(business_date) AS first_sale,
                   max(business_date) AS last_sale, {sums}
            FROM sales_line CROSS JOIN newest GROUP BY product_id, household_id
        ),
        sold AS (
            SELECT product_id, min(first_sale) AS first_sale_date, max(last_sale) AS last_sale_date,
                   {totals}
            FROM by_household GROUP BY product_id
        )
        SELECT {attributes}, as_of AS as_of_date, first_sale_date, last_sale_date, {columns}
        FROM product p CROSS JOIN newest LEFT JOIN sold s ON p.product_id = s.product_id
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
    "curated.product_360": _product_360(),
    "forecast.weekly_demand": _WEEKLY_DEMAND,
}
