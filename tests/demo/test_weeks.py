"""Weeks that happen: transactions that say their time, counted exactly, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from demo import weeks
from demo.calendar import closing
from demo.company import Company, Started
from demo.database import DATABASE, session_of
from demo.manifest import ChangeCount, change_counts, count_changes, read_manifest
from demo.panel import package_file
from demo.postgres import Postgres
from demo.tables import TABLES
from demo.weeks import let_weeks_happen
from resources.errors import ServiceUnavailable
from resources.local.secrets import LocalSecrets

SAMPLE = "household_id * 2654435761 % 4294967296 < 42949672.96"
SMOKE_LINES = f"""
    SELECT week FROM read_parquet('{package_file("transactions")}') WHERE {SAMPLE}
"""


@pytest.fixture(scope="module")
def young(own_home: Path) -> Iterator[Company]:
    """A company of which week 44 is over."""
    company = Company(own_home)
    company.start("smoke", owned=True)
    yield company
    company.stop()


@pytest.fixture
def admin(young: Company) -> Iterator[psycopg.Connection[Any]]:
    state = young.files.read()
    assert state is not None
    server = Postgres(young.files.folder / "postgres")
    with session_of(server, state.ports["postgres"], DATABASE) as session:
        yield session


def held(session: psycopg.Connection[Any]) -> dict[str, int]:
    rows = {}
    for table in TABLES:
        [(rows[table.name],)] = session.execute(f"SELECT count(*) FROM {table.name}").fetchall()
    return rows


def test_weeks_after_the_opening_have_not_happened_yet(
    young: Company, admin: psycopg.Connection[Any]
) -> None:
    [(latest,)] = admin.execute("SELECT max(week) FROM pos.basket").fetchall()
    assert latest == 44
    manifest = read_manifest(young.files.folder)
    assert {count.landing_date for count in manifest} == {date(2017, 10, 30)}
    assert {count.table: count.rows for count in manifest} == held(admin)


def test_a_week_is_one_transaction_that_says_its_time(
    young: Company, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    admin.execute("SELECT pg_create_logical_replication_slot('test', 'pgoutput')")
    advanced = young.advance(1)
    log = admin.execute(
        "SELECT data FROM pg_logical_slot_peek_binary_changes('test', NULL, NULL,"
        " 'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')"
    ).fetchall()
    admin.execute("SELECT pg_drop_replication_slot('test')")
    kinds = [bytes(data)[:1] for (data,) in log]
    assert (kinds[0], kinds[-1]) == (b"B", b"C")
    assert kinds.count(b"B") == kinds.count(b"C") == advanced.weeks == 1
    said = [bytes(data) for (data,) in log if bytes(data)[:1] == b"M"]
    assert len(said) == 1
    assert b"product360.clock\x00" in said[0]
    assert said[0].endswith(b"2017-11-06T08:00:00Z")
    assert (kinds.count(b"I"), kinds.count(b"U"), kinds.count(b"D")) == (
        # The counts themselves are rows of a table too.
        sum(count.inserts for count in advanced.new) + len(advanced.new),
        sum(count.updates for count in advanced.new),
        sum(count.deletes for count in advanced.new),
    )


def test_the_secrets_tell_the_new_time_and_nothing_else_changes_in_them(
    young: Company, own_home: Path
) -> None:
    vault = LocalSecrets(path=str(own_home / "secrets.json"))
    before = dict(vault.get("pos_database"))
    young.advance(1)
    after = dict(vault.get("pos_database"))
    assert after["clock"] > before["clock"]
    assert {**after, "clock": ""} == {**before, "clock": ""}


def test_a_week_that_is_cut_short_has_not_happened(
    young: Company, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rows = change_counts(admin), held(admin)
    state = young.files.read()
    assert state is not None

    def lose_connection(
        session: psycopg.Connection[Any], week: int, table: str, **made: int
    ) -> None:
        count_changes(session, week, table, **made)
        if table == "pos.sales_line":
            admin.execute("SELECT pg_terminate_backend(%s)", (session.info.backend_pid,))

    monkeypatch.setattr(weeks, "count_changes", lose_connection)
    server = Postgres(young.files.folder / "postgres")
    with (
        pytest.raises(psycopg.OperationalError),
        session_of(server, state.ports["postgres"]) as session,
    ):
        let_weeks_happen(session, through=53)
    assert (change_counts(admin), held(admin)) == (before, rows)


def test_the_rest_of_the_year_happens_once(young: Company, admin: psycopg.Connection[Any]) -> None:
    advanced = young.advance()
    assert advanced.counts[-1].landing_date == date(2018, 1, 1)
    again = young.advance()
    assert (again.weeks, again.new, again.counts) == (0, (), advanced.counts)
    rows = held(admin)
    for table in TABLES:
        counts = [count for count in advanced.counts if count.table == table.name]
        assert sum(count.inserts - count.deletes for count in counts) == rows[table.name]


def test_the_manifest_is_the_databases_own_count_and_is_made_again(
    young: Company, admin: psycopg.Connection[Any]
) -> None:
    path = young.files.folder / "manifest.json"
    path.write_text("{")
    young.advance()
    document = json.loads(path.read_text())
    assert document["changes"][0]["landing_date"] == "2017-10-30"
    assert read_manifest(young.files.folder) == change_counts(admin)


def test_a_day_after_the_year_is_the_day_of_a_year_before_once_more(
    young: Company, admin: psycopg.Connection[Any]
) -> None:
    advanced = young.advance(2)
    assert {count.landing_date for count in advanced.new} == {date(2018, 1, 2), date(2018, 1, 3)}
    days = admin.execute(
        """
        SELECT (sold_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York')::date AS day,
               basket_id > 200000000000, week, count(*), sum(sales_value)
        FROM pos.basket JOIN pos.sales_line USING (basket_id)
        GROUP BY 1, 2, 3 HAVING min(sold_at) < '2017-01-04' OR min(sold_at) > '2018-01-01 05:00'
        ORDER BY 1
        """
    ).fetchall()
    sums = {day: (is_copy, week, *sums) for day, is_copy, week, *sums in days}
    assert [count.inserts for count in advanced.new if count.table == "pos.sales_line"] == [
        sums[date(2018, 1, day)][2] if date(2018, 1, day) in sums else 0 for day in (1, 2)
    ]
    for day in (1, 2):
        is_copy, week, *copied = sums.get(date(2018, 1, day), (True, 1))
        assert (is_copy, week) == (True, 1)
        assert copied == list(sums.get(date(2017, 1, day + 1), (False, 2))[2:])


def test_each_week_brings_its_own_sales_and_some_slips(company: Started, home: Path) -> None:
    counts = read_manifest(home / "company")
    query = f"SELECT week, count(*) FROM ({SMOKE_LINES}) WHERE week > 44 GROUP BY ALL"
    lines = dict(duckdb.sql(query).fetchall())
    sold = {count.landing_date: count for count in counts if count.table == "pos.sales_line"}
    for week, rows in lines.items():
        slips = sold[closing(week).date()].inserts - rows
        assert 0 <= slips < rows / 10
    changes = [count for count in counts if count.landing_date > date(2017, 10, 30)]
    for table in ("catalog.product", "pos.basket", "pos.sales_line"):
        assert sum(count.updates for count in changes if count.table == table) > 2
        assert sum(count.deletes for count in changes if count.table == table) > 2


def test_a_company_that_does_not_run_cannot_go_on(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="no company that runs"):
        Company(tmp_path).advance()


def test_a_count_adds_up() -> None:
    assert ChangeCount(date(2017, 11, 6), "pos.basket", inserts=3, updates=2, deletes=1).rows == 6
