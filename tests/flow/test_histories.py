"""At every moment, histories say what raw deliveries had said until then.

The oracle builds no periods: of each moment it asks raw what was last said of each key, with
DuckDB's as-of joins.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from lineage import Lineage

pytestmark = pytest.mark.flow

CATALOGUE = "hierarchy_id, manufacturer_id, brand, package_size"
PRICES = "shelf_price, loyalty_price"
TABLES = ("product_history", "customer_history", "price_history", "customer")


@pytest.fixture(scope="module")
def told(retailer: Lineage) -> duckdb.DuckDBPyConnection:
    """Histories by their names; `product_log` and `price_log` as they were delivered."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    catalog = retailer.resources()["catalog"]
    for name in TABLES:
        connection.register(name, catalog.table(f"curated.{name}").scan().to_arrow())
    raw = Path(retailer.home) / "lake" / "raw"
    connection.execute(
        f"""
        CREATE TABLE product_log AS
        SELECT product_id, CAST(dms_timestamp || 'Z' AS TIMESTAMPTZ) AS moment,
               arg_max(Op <> 'D', ar_h_change_seq) AS stands,
               arg_max(row({CATALOGUE}), ar_h_change_seq) AS said
        FROM read_parquet('{raw}/catalog/product/*/*/*.parquet', union_by_name = true)
        GROUP BY ALL;
        CREATE TABLE price_log AS
        SELECT product_id, DATE '2016-12-26' + 7 * (CAST(week AS INTEGER) - 1) AS moment,
               true AS stands, arg_max(row({PRICES}), landing_date) AS said
        FROM read_csv(
            '{raw}/pricing/price_week/*/*/*.csv', hive_partitioning = true,
            types = {{'shelf_price': 'DECIMAL(12,2)', 'loyalty_price': 'DECIMAL(12,2)'}}
        )
        GROUP BY ALL
        """
    )
    return connection


def compared(
    told: duckdb.DuckDBPyConnection, log: str, history: str, columns: str
) -> tuple[int, int]:
    """How often a key was asked for at a moment, and how often the two answers differ."""
    (found,) = told.execute(
        f"""
        WITH moments AS (SELECT DISTINCT moment FROM {log}),
        asked AS (FROM moments, (SELECT DISTINCT product_id FROM {log})),
        last_said AS (
            SELECT a.product_id, a.moment, l.said
            FROM asked a ASOF JOIN {log} l ON a.product_id = l.product_id AND a.moment >= l.moment
            WHERE l.stands
        ),
        held AS (
            SELECT product_id, m.moment, row({columns}) AS said
            FROM {history} h JOIN moments m
                ON h.valid_from <= m.moment AND (h.valid_to IS NULL OR m.moment < h.valid_to)
        )
        SELECT count(*), count(*) FILTER (l.said IS DISTINCT FROM h.said)
        FROM last_said l FULL JOIN held h USING (product_id, moment)
        """
    ).fetchall()
    return found


@pytest.mark.parametrize(
    ("log", "history", "columns"),
    [
        ("product_log", "product_history", CATALOGUE),
        ("price_log", "price_history", PRICES),
    ],
)
def test_at_every_moment_a_history_says_what_was_last_delivered(
    told: duckdb.DuckDBPyConnection, log: str, history: str, columns: str
) -> None:
    asked, differing = compared(told, log, history, columns)
    assert asked > told.execute(f"SELECT count(*) FROM {log}").fetchall()[0][0]
    assert differing == 0


def test_households_that_described_themselves_have_one_current_row(
    told: duckdb.DuckDBPyConnection,
) -> None:
    ours = "FROM customer_history WHERE is_current"
    theirs = "FROM customer WHERE has_demographics"
    columns = "household_id, age_band, income_band, home_ownership, marital_status"
    assert (
        told.sql(f"SELECT {columns} {ours} ORDER BY ALL").fetchall()
        == told.sql(f"SELECT {columns} {theirs} ORDER BY ALL").fetchall()
    )
