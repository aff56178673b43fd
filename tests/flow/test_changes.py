"""What the company's databases changed arrives as it was changed: counted, in order, and in effect.

The oracle is the company's own manifest, which each transaction wrote as it was made, and the
package, which says how everything ended.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import duckdb
import pytest
from lineage import Lineage
from oracle import package_file

from demo.manifest import ChangeCount, read_manifest

pytestmark = pytest.mark.flow

OPENING = date(2017, 10, 30)
PUBLISHED = {
    "catalog.product": "curated.product",
    "catalog.product_hierarchy": "curated.product",
    "pos.basket": "curated.sales_line",
    "pos.sales_line": "curated.sales_line",
}


@pytest.fixture(scope="module")
def manifest(retailer: Lineage) -> tuple[ChangeCount, ...]:
    return read_manifest(retailer.home / "company")


@pytest.fixture(scope="module")
def ledger(retailer: Lineage) -> Any:
    return retailer.resources()["ledger"].open()


def test_the_last_weeks_arrive_as_changes_and_the_others_as_one_load(
    manifest: tuple[ChangeCount, ...], ledger: Any
) -> None:
    for table in PUBLISHED:
        source, name = table.split(".")
        batches = ledger.batches(source, name)
        loads = [batch for batch in batches if batch.kind == "load"]
        changes = [batch for batch in batches if batch.kind == "changes"]
        assert [batch.landing_date for batch in loads] == [OPENING]
        assert {batch.epoch for batch in batches} == {loads[0].epoch}
        assert [batch.landing_date for batch in changes] == [
            count.landing_date
            for count in manifest
            if count.table == table and count.landing_date > OPENING
        ]
    weeks = {count.landing_date for count in manifest}
    assert (len(weeks), max(weeks)) == (10, date(2018, 1, 1))


def test_raw_clean_and_curated_count_what_the_company_counted(
    manifest: tuple[ChangeCount, ...], ledger: Any
) -> None:
    for count in manifest:
        source, name = count.table.split(".")
        (batch,) = ledger.batches(source, name, landing_dates=[count.landing_date])
        for zone in ("raw", "clean", PUBLISHED[count.table]):
            state = ledger.zone_state(batch.batch_id, zone)
            counted = (state.rows_in, state.rows_out, state.rows_quarantined)
            assert counted == (count.rows, count.rows, 0), (count, zone)


def test_clean_tells_inserts_updates_and_deletes_apart(
    manifest: tuple[ChangeCount, ...], ledger: Any
) -> None:
    expected: Counter[tuple[str, date, str]] = Counter()
    found: Counter[tuple[str, date, str]] = Counter()
    for count in manifest:
        made = {"I": count.inserts, "U": count.updates, "D": count.deletes}
        for operation, rows in made.items():
            expected[count.table, count.landing_date, operation] += rows
    for table in PUBLISHED:
        source, name = table.split(".")
        for state in ledger.zone_states(source, name, "clean").values():
            rows = duckdb.sql(
                f"SELECT _landing_date, _operation, count(*) FROM '{state.location}/*.parquet'"
                " GROUP BY ALL"
            ).fetchall()
            for landing_date, operation, number in rows:
                found[table, landing_date, operation] += number
    assert +found == +expected


def test_a_delete_needs_no_more_than_its_key(ledger: Any) -> None:
    for state in ledger.zone_states("pos", "sales_line", "clean").values():
        (values,) = duckdb.sql(
            f"""SELECT count(*) FILTER (basket_id IS NULL OR product_id IS NULL)
                FROM '{state.location}/*.parquet' WHERE _operation = 'D'"""
        ).fetchall()
        assert values == (0,)


def test_what_was_deleted_is_remembered_and_gone(
    retailer: Lineage, manifest: tuple[ChangeCount, ...]
) -> None:
    catalog = retailer.resources()["catalog"]
    deleted = sum(count.deletes for count in manifest if count.table == "pos.sales_line")
    connection = duckdb.connect()
    for name in ("sales_line", "sales_line_tombstone"):
        connection.register(name, catalog.table(f"curated.{name}").scan().to_arrow())
    remembered = connection.execute("SELECT count(*) FROM sales_line_tombstone").fetchone()
    assert remembered == (deleted,)
    assert deleted > 0
    left = connection.execute(
        "SELECT count(*) FROM sales_line SEMI JOIN sales_line_tombstone"
        " USING (basket_id, product_id)"
    ).fetchone()
    assert left == (0,)


def test_corrections_end_in_what_the_package_says(retailer: Lineage) -> None:
    """Every line's value and day, and every product's brand, one by one."""
    catalog = retailer.resources()["catalog"]
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("sales_line", "product"):
        connection.register(name, catalog.table(f"curated.{name}").scan().to_arrow())
    different = connection.execute(
        f"""
        SELECT count(*), count(l.basket_id)
        FROM sales_line l LEFT JOIN '{package_file("transactions")}' t
          USING (basket_id, product_id)
        WHERE (l.sales_value, timezone('UTC', l.sold_at), l.store_id, l.quantity)
          IS DISTINCT FROM (CAST(t.sales_value AS DECIMAL(12, 2)), t.transaction_timestamp,
                            t.store_id, t.quantity)
        """
    ).fetchone()
    assert different == (0, 0)
    brands = connection.execute(
        f"""SELECT count(*) FROM product p
            LEFT JOIN '{package_file("products")}' t USING (product_id)
            WHERE NOT p.is_unknown_member AND p.brand IS DISTINCT FROM t.brand"""
    ).fetchone()
    assert brands == (0,)


def test_the_demo_shows_the_companys_count_beside_the_platforms(sail: Lineage) -> None:
    told = sail.told.read_text()
    count = [line.split() for line in told.splitlines() if line.strip().startswith("2018-01-01 ")]
    assert len(count) == 1
    assert count[0][-1] == "yes"
    assert "9 weeks happen in the databases" in told
