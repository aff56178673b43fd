"""The published tables, as DuckDB computes them from clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from benchmarks.plain.iceberg import open_catalog, publish
from benchmarks.plain.work import Work, expect
from spark.tables import TABLES

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

TIME_ZONE = "America/New_York"
WINDOWS = (7, 28, 91, 364)


def publish_all(connection: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Every published table that the script makes, in order."""
    catalog = open_catalog(work.out)
    for table in work.tables():
        files = work.clean_folder(table.full_name) / "*" / "*.parquet"
        connection.execute(f"""CREATE VIEW "{table.full_name}" AS FROM read_parquet('{files}')""")
    for identifier, query in QUERIES.items():
        with work.timed(identifier):
            _publish(connection, work, catalog, identifier, query)
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
    work.published[identifier] = publish(catalog, identifier, rows)
    keys = ", ".join(TABLES[identifier].key)
    twice = f"SELECT 1 FROM {name} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"
    expect(f"{identifier} has its key once", holds=not connection.execute(twice).fetchall())
    expect(f"{identifier} has rows", holds=work.published[identifier] > 0)


def _check_sales(connection: duckdb.DuckDBPyConnection) -> None:
    totals = "count(*), sum(sales_value), sum(retail_discount + coupon_discount)"
    published = connection.execute(f"SELECT {totals} FROM sales_line").fetchall()
    clean = connection.execute(f"SELECT {totals} FROM {_latest('pos.sales_line', LINE)}").fetchall()
    expect("sales equal the clean lines to the cent", holds=published == clean)
    (lost,) = connection.execute(
        """SELECT count(*) FROM sales_line
           WHERE business_date IS NULL OR store_id IS NULL OR household_id IS NULL"""
    ).fetchone() or (0,)
    expect("every line has its receipt", holds=lost == 0)
    (revenue,) = connection.execute("SELECT sum(revenue_364d) FROM product_360").fetchone() or (0,)
    (sold,) = connection.execute(
        """SELECT sum(sales_value) FROM sales_line
           WHERE business_date > (SELECT max(business_date) FROM sales_line) - 364"""
    ).fetchone() or (0,)
    expect("revenue equals the sales of the longest window", holds=revenue == sold)


def _latest(table: str, key: str) -> str:
    """A subquery: the last change of each key that is no delete."""
    return f"""(
        FROM (
            SELECT *, concat_ws(' ', _committed_at, coalesce(_change_sequence, '')) AS _change_order
            FROM "{table}"
            QUALIFY row_number() OVER (
                PARTITION BY {key}
                ORDER BY _committed_at DESC, _change_sequence DESC, _operation = 'D' DESC, _batch_id
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


def _product_360() -> str:
    inside = "FILTER (business_date > (FROM as_of) - {days})"
    sums = ", ".join(
        f"""sum(units) {inside.format(days=days)} AS units_{days},
            sum(sales_value) {inside.format(days=days)} AS revenue_{days},
            count(*) {inside.format(days=days)} AS visits_{days}"""
        for days in WINDOWS
    )
    totals = ", ".join(
        f"""sum(units_{days}) AS units_{days}, sum(revenue_{days}) AS revenue_{days},
            sum(visits_{days}) AS baskets_{days},
            count(*) FILTER (visits_{days} > 0) AS households_{days},
            count(*) FILTER (visits_{days} > 1) AS repeaters_{days}"""
        for days in WINDOWS
    )
    columns = ", ".join(
        f"""CASE WHEN NOT is_fuel THEN coalesce(units_{days}, 0) END AS units_{days}d,
            coalesce(revenue_{days}, 0) AS revenue_{days}d,
            coalesce(baskets_{days}, 0) AS baskets_{days}d,
            coalesce(households_{days}, 0) AS households_{days}d,
            CASE WHEN households_{days} > 0
                 THEN CAST(repeaters_{days} AS DOUBLE) / households_{days} END
                AS repeat_rate_{days}d"""
        for days in WINDOWS
    )
    return f"""
        WITH as_of AS (SELECT max(business_date) FROM sales_line),
        by_household AS (
            SELECT product_id, household_id, min(business_date) AS first_sale,
                   max(business_date) AS last_sale, {sums}
            FROM sales_line GROUP BY ALL
        ),
        sold AS (
            SELECT product_id, min(first_sale) AS first_sale_date, max(last_sale) AS last_sale_date,
                   {totals}
            FROM by_household GROUP BY product_id
        )
        SELECT product.* EXCLUDE (_batch_id, _change_order), (FROM as_of) AS as_of_date,
               first_sale_date, last_sale_date, {columns}
        FROM product LEFT JOIN sold USING (product_id)
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
    "curated.product_360": _product_360(),
    "forecast.weekly_demand": _WEEKLY_DEMAND,
}
