"""The real PostgreSQL: what is in it, and who may see what."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import psycopg
import pytest

from demo.panel import package_file
from resources.local.secrets import LocalSecrets

SAMPLE = "household_id * 2654435761 % 4294967296 < 42949672.96"


def connect(secret: Any, **changed: str) -> psycopg.Connection[Any]:
    fields = ("host", "port", "dbname", "user", "password")
    given = {name: secret[name] for name in fields} | changed
    return psycopg.connect(**given, connect_timeout=5)


@pytest.fixture
def pos(secrets: LocalSecrets) -> Iterator[psycopg.Connection[Any]]:
    with connect(secrets.get("pos_database")) as session:
        yield session


@pytest.fixture
def catalog(secrets: LocalSecrets) -> Iterator[psycopg.Connection[Any]]:
    with connect(secrets.get("catalog_database")) as session:
        yield session


def one(session: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    [row] = session.execute(query.encode()).fetchall()
    return tuple(row)


def test_sales_are_those_of_the_package_to_the_cent(pos: psycopg.Connection[Any]) -> None:
    expected = duckdb.execute(
        f"""
        SELECT count(*), sum(quantity)::BIGINT, count(DISTINCT basket_id),
               round(sum(sales_value), 2), round(sum(retail_disc), 2), round(sum(coupon_disc), 2),
               round(sum(coupon_match_disc), 2)
        FROM read_parquet(?) WHERE {SAMPLE}
        """,
        [str(package_file("transactions"))],
    ).fetchone()
    assert expected is not None
    found = one(
        pos,
        """
        SELECT count(*), sum(quantity)::bigint, count(DISTINCT basket_id), sum(sales_value),
               sum(retail_discount), sum(coupon_discount), sum(coupon_match_discount)
        FROM pos.sales_line
        """,
    )
    assert found[:3] == expected[:3]
    assert found[:1] + found[2:3] == (15_370, 1_578)
    assert found[3:] == tuple(Decimal(f"{total:.2f}") for total in expected[3:])


def test_a_basket_knows_its_household_store_and_time(pos: psycopg.Connection[Any]) -> None:
    expected = duckdb.execute(
        f"""
        SELECT DISTINCT basket_id, household_id, store_id, transaction_timestamp, week::INTEGER
        FROM read_parquet(?) WHERE {SAMPLE} ORDER BY basket_id
        """,
        [str(package_file("transactions"))],
    ).fetchall()
    assert pos.execute("SELECT * FROM pos.basket ORDER BY basket_id").fetchall() == expected


def test_the_catalogue_is_whole_and_its_hierarchy_joins_back(
    catalog: psycopg.Connection[Any],
) -> None:
    found = catalog.execute(
        """
        SELECT product_id, manufacturer_id, department, brand, product_category, product_type,
               package_size
        FROM catalog.product JOIN catalog.product_hierarchy USING (hierarchy_id)
        ORDER BY product_id
        """
    ).fetchall()
    expected = duckdb.execute(
        "SELECT * FROM read_parquet(?) ORDER BY product_id", [str(package_file("products"))]
    ).fetchall()
    assert len(found) == 92_331
    assert found == expected


def test_a_product_is_new_when_first_sold_or_promoted(catalog: psycopg.Connection[Any]) -> None:
    query = """
        SELECT min(updated_at)::text, max(updated_at) <= '2018-01-01 08:00:00',
               count(*) FILTER (WHERE updated_at > '2017-01-02 05:00:00') > 10000
        FROM catalog.product
    """
    assert one(catalog, query) == ("2017-01-01 05:00:00", True, True)


def test_it_is_postgresql_18_fit_for_logical_replication(pos: psycopg.Connection[Any]) -> None:
    assert one(pos, "SHOW server_version")[0].startswith("18.")
    assert one(pos, "SHOW wal_level") == ("logical",)
    assert one(pos, "SHOW listen_addresses") == ("127.0.0.1",)
    assert one(
        pos, "SELECT rolreplication, rolsuper FROM pg_roles WHERE rolname = current_user"
    ) == (
        True,
        False,
    )


def test_a_system_reads_its_own_schema_only(
    pos: psycopg.Connection[Any], catalog: psycopg.Connection[Any]
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        pos.execute("SELECT count(*) FROM catalog.product")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        catalog.execute("DELETE FROM catalog.product")


def test_nobody_enters_without_the_password(secrets: LocalSecrets) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(secrets.get("pos_database"), password="guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(secrets.get("pos_database"), user="postgres", password="postgres")
