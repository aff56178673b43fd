"""Changes of a real PostgreSQL, folded from the files they land in: what the source holds."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest
from following import CONFIRMED, Source, Task, each_row_came_once, read
from psycopg.conninfo import make_conninfo

from resources.errors import SourceRejected
from resources.local.replication import LocalReplication
from resources.objects import ObjectStore
from resources.replication import SourceTable

ORDERS = SourceTable("order", "shop", "orders", ("order_id",))
EVERY_TYPE = SourceTable("every_type", "shop", "every_type", ("id",))

NewTask = Callable[..., Task]


@pytest.fixture
def orders(source: Source) -> Source:
    source.sql(
        "CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, note text, total numeric(12,2))",
        "INSERT INTO shop.orders VALUES (1, 'one', 1.10), (2, NULL, 2.20)",
    )
    return source


def test_changes_land_in_the_shapes_of_dms(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql(
        "INSERT INTO shop.orders VALUES (3, '', 3)",
        "UPDATE shop.orders SET note = 'uno' WHERE order_id = 1",
        "DELETE FROM shop.orders WHERE order_id = 2",
    )

    report = following.changes()

    [written] = report.tables
    day = f"{written.landing_date:%Y%m%d}"
    assert written.prefix == f"shop/20170501T120000Z-0002/shop/orders/{day}-"
    assert (written.rows, written.inserts, written.updates, written.deletes) == (3, 1, 1, 1)
    [info] = following.landing.list(written.prefix)
    assert info.size == written.bytes
    landed = read(following.landing, info.key)
    assert [tuple(row.values())[:4] for row in landed] == [
        ("I", 3, "", Decimal("3.00")),
        ("U", 1, "uno", Decimal("1.10")),
        ("D", 2, None, None),
    ]
    [committed] = {row["dms_timestamp"] for row in landed}
    moment = dt.datetime.fromisoformat(committed)
    # Its name is the commit time down to milliseconds.
    name = f"{moment:%Y%m%d-%H%M%S}{moment.microsecond // 1000:03d}.parquet"
    assert info.key.rpartition("/")[2] == name
    digits = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 10000:02d}"
    assert [row["ar_h_change_seq"] for row in landed] == [
        f"{digits}{number:019d}" for number in (3, 4, 5)
    ]


def test_a_load_and_its_changes_have_no_gap_and_no_overlap(orders: Source, task: NewTask) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 100
        while not stop.is_set():
            orders.sql(f"INSERT INTO shop.orders VALUES ({number}, 'x', 1)")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        following = task(ORDERS)
        # So that something is committed before the snapshot, while it is read, and after.
        following.log = lambda _message: time.sleep(0.2)
        time.sleep(0.2)
        following.load()
        time.sleep(0.2)
    finally:
        stop.set()
        writer.join()
    following.changes()

    each_row_came_once(following)
    assert {row["order_id"] for row in following.rows("order")} == {
        key for (key,) in orders.table("orders", "order_id")
    }
    assert {row["Op"] for row in following.rows("order")} == {"I"}


def test_an_open_transaction_is_delivered_when_it_is_committed(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS)
    following.load()
    with psycopg.connect(make_conninfo(**orders.connection)) as session:
        session.execute("INSERT INTO shop.orders VALUES (3, 'early', 1)")
        orders.sql("INSERT INTO shop.orders VALUES (4, 'late', 1)")
        following.changes()
        assert set(following.folded("order", "order_id")) == {(1,), (2,), (4,)}

    following.changes()
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_nothing_new_leaves_no_trace(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    before = list(following.landing.list())

    report = following.changes()

    assert (report.tables, report.counts) == ((), False)
    assert list(following.landing.list()) == before


def test_a_rolled_back_transaction_never_lands(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    with pytest.raises(psycopg.errors.DivisionByZero):
        orders.sql("INSERT INTO shop.orders VALUES (9, 'never', 1)", "SELECT 1/0")
    assert following.changes().tables == ()


def test_a_transaction_is_never_split_over_files_while_it_fits(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS, replication=LocalReplication(change_file_bytes=1_000))
    following.load()
    for number in range(12):
        first = 100 * number + 100
        orders.sql(
            f"INSERT INTO shop.orders SELECT n, 'x', 1 FROM generate_series({first}, {first + 9}) n"
        )

    [written] = following.changes().tables

    files = [read(following.landing, info.key) for info in following.landing.list(written.prefix)]
    assert len(files) > 2
    times = [{row["dms_timestamp"] for row in rows} for rows in files]
    assert len(set.union(*times)) == sum(len(each) for each in times) == 12


def test_transactions_that_commit_out_of_their_beginning_s_order_keep_that_of_their_commits(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS)
    following.load()
    with psycopg.connect(make_conninfo(**orders.connection)) as slow:
        slow.execute("INSERT INTO shop.orders VALUES (5, 'began first', 1)")
        orders.sql("INSERT INTO shop.orders VALUES (6, 'committed first', 1)")
    orders.sql("UPDATE shop.orders SET note = 'last' WHERE order_id = 5")
    following.changes()

    assert [row["order_id"] for row in following.rows("order")[2:]] == [6, 5, 5]
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_every_type_keeps_its_value_in_changes_as_in_a_load(source: Source, task: NewTask) -> None:
    source.sql(
        "CREATE TYPE shop.mood AS ENUM ('glad', 'sad')",
        """CREATE TABLE shop.every_type (
            id int PRIMARY KEY, small smallint, big bigint, money numeric(12,2), free numeric,
            single real, half double precision, yes boolean, day date, clock time, span interval,
            local timestamp, world timestamptz, short varchar(10), fixed char(4), blob bytea,
            document jsonb, list int[], words text[], identifier uuid, feeling shop.mood
        )""",
    )
    following = task(EVERY_TYPE)
    values = """
        -3, 9007199254740993, 1234567890.10, 0.1234567890123456789, 0.5, 0.1, true, '2017-03-12',
        '02:30:00.5', '1 year 2 days', '2017-03-12 02:30:00.123456', '2017-03-12 02:30:00-05',
        'NULL', 'ab', '\\x00ff', '{"a": [1, null]}', '{1,NULL,3}', '{"a,b","\\"q\\"",NULL}',
        '6f1c2b1e-0a4e-4d0c-9b0a-1f2e3d4c5b6a', 'glad'
    """
    nulls = ", ".join(["NULL"] * 20)
    source.sql(f"INSERT INTO shop.every_type VALUES (1, {values}), (2, {nulls})")
    following.load()
    source.sql(f"INSERT INTO shop.every_type VALUES (3, {values}), (4, {nulls})")
    following.changes()

    state = following.folded("every_type", "id")
    assert {**state[(1,)], "id": 0} == {**state[(3,)], "id": 0}
    assert {**state[(2,)], "id": 0} == {**state[(4,)], "id": 0}
    assert state[(3,)] == {
        "id": 3, "small": -3, "big": 9007199254740993, "money": Decimal("1234567890.10"),
        "free": "0.1234567890123456789", "single": 0.5, "half": 0.1, "yes": True,
        "day": dt.date(2017, 3, 12), "clock": "02:30:00.5", "span": "1 year 2 days",
        "local": dt.datetime(2017, 3, 12, 2, 30, 0, 123456),  # noqa: DTZ001
        "world": dt.datetime(2017, 3, 12, 7, 30, tzinfo=dt.UTC), "short": "NULL", "fixed": "ab  ",
        "blob": "\\x00ff", "document": '{"a": [1, null]}', "list": "{1,NULL,3}",
        "words": '{"a,b","\\"q\\"",NULL}', "identifier": "6f1c2b1e-0a4e-4d0c-9b0a-1f2e3d4c5b6a",
        "feeling": "glad",
    }  # fmt: skip
    assert set(state[(4,)].values()) == {4, None}


def test_a_value_beyond_its_type_stays_text_and_hinders_nobody(
    source: Source, task: NewTask
) -> None:
    source.sql(
        "CREATE TABLE shop.every_type (id int PRIMARY KEY, at timestamp, price numeric(4,1))"
    )
    following = task(EVERY_TYPE)
    following.load()
    source.sql("INSERT INTO shop.every_type VALUES (1, '2017-01-01', 1.5)")
    source.sql("INSERT INTO shop.every_type VALUES (2, 'infinity', 'NaN'), (3, '0044-03-15 BC', 1)")
    following.changes()

    rows = {row["id"]: (str(row["at"]), str(row["price"])) for row in following.rows("every_type")}
    assert rows == {
        1: ("2017-01-01 00:00:00", "1.5"),
        2: ("infinity", "NaN"),
        3: ("0044-03-15 00:00:00 BC", "1.0"),
    }


def test_columns_that_come_go_and_change_their_name_begin_a_new_file(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("INSERT INTO shop.orders VALUES (3, 'old', 3)")
    orders.sql(
        "ALTER TABLE shop.orders ADD COLUMN paid boolean DEFAULT true",
        "INSERT INTO shop.orders VALUES (4, 'added', 4, false)",
    )
    orders.sql("ALTER TABLE shop.orders RENAME COLUMN note TO remark")
    orders.sql("INSERT INTO shop.orders VALUES (5, 'renamed', 5, NULL)")
    orders.sql(
        "ALTER TABLE shop.orders DROP COLUMN total",
        "ALTER TABLE shop.orders ALTER COLUMN order_id TYPE text",
        "INSERT INTO shop.orders VALUES ('6', 'dropped', true)",
    )

    [written] = following.changes().tables

    assert (written.files, written.ddls, written.rows) == (4, 3, 4)
    files = [read(following.landing, info.key) for info in following.landing.list(written.prefix)]
    assert [list(rows[0])[1:-2] for rows in files] == [
        ["order_id", "note", "total"],
        ["order_id", "note", "total", "paid"],
        ["order_id", "remark", "total", "paid"],
        ["order_id", "remark", "paid"],
    ]
    assert [rows[0]["order_id"] for rows in files] == [3, 4, 5, "6"]


def test_a_truncate_deletes_every_row_that_was_delivered(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("INSERT INTO shop.orders VALUES (3, 'soon gone', 1)")
    following.changes()
    orders.sql(
        "DELETE FROM shop.orders WHERE order_id = 2",
        "INSERT INTO shop.orders VALUES (4, 'soon gone too', 1)",
        "TRUNCATE shop.orders",
        "INSERT INTO shop.orders VALUES (1, 'new', 1)",
    )

    [written] = following.changes().tables

    assert (written.inserts, written.deletes) == (2, 1 + 3)
    sequences = [row["ar_h_change_seq"] for row in following.rows("order")]
    assert len(set(sequences)) == len(sequences)
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_the_source_may_live_under_a_simulated_calendar(orders: Source, task: NewTask) -> None:
    following = task(ORDERS, clock="2017-11-01T08:00:00Z", clock_message="shop.clock")
    following.load()

    def say(time: str) -> str:
        return f"SELECT pg_logical_emit_message(true, 'shop.clock', '{time}')"

    # Said first, said last, not said; and another's message, which says nothing.
    orders.sql(say("2017-11-06T08:00:00Z"), "INSERT INTO shop.orders VALUES (3, 'a', 1)")
    orders.sql("INSERT INTO shop.orders VALUES (4, 'b', 1)", say("2017-11-13T08:00:00Z"))
    orders.sql(
        "INSERT INTO shop.orders VALUES (5, 'c', 1)",
        "SELECT pg_logical_emit_message(true, 'other', 'yesterday')",
    )

    written = following.changes().tables

    assert [(each.landing_date.isoformat(), each.rows) for each in written] == [
        ("2017-11-06", 1), ("2017-11-13", 2)
    ]  # fmt: skip
    assert [row["dms_timestamp"] for row in following.rows("order")] == [
        "2017-11-01 08:00:00.000000",
        "2017-11-01 08:00:00.000000",
        "2017-11-06 08:00:00.000000",
        "2017-11-13 08:00:00.000000",
        "2017-11-13 08:00:00.000000",
    ]
    for each in written:
        listed = [info.key for info in following.landing.list(each.prefix)]
        assert len(listed) == each.files == 1
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_a_message_that_says_no_time_is_refused(orders: Source, task: NewTask) -> None:
    following = task(ORDERS, clock_message="shop.clock")
    following.load()
    orders.sql("SELECT pg_logical_emit_message(true, 'shop.clock', 'soon')")
    with pytest.raises(SourceRejected, match=r"soon.*reload"):
        following.changes()


def test_f21_a_clock_that_is_set_back_does_not_turn_the_order_round(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS, clock="2017-11-06T08:00:00Z", clock_message="shop.clock")
    following.load()
    for number, time_said in enumerate(("2017-11-07T08:00:00Z", "2017-11-06T07:00:00Z")):
        orders.sql(
            f"SELECT pg_logical_emit_message(true, 'shop.clock', '{time_said}')",
            f"UPDATE shop.orders SET note = 'change {number}' WHERE order_id = 1",
        )
        following.changes()

    assert following.folded("order", "order_id")[(1,)]["note"] == "change 1"
    times = [row["dms_timestamp"] for row in following.rows("order")]
    assert times == sorted(times)


def test_changes_of_a_clock_that_stands_still_come_after_the_load(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS, clock="2017-11-06T08:00:00Z", clock_message="shop.clock")
    following.load()
    orders.sql("UPDATE shop.orders SET note = 'changed'")
    following.changes()

    assert {row["note"] for row in following.folded("order", "order_id").values()} == {"changed"}


def test_a_table_may_join_later(orders: Source, task: NewTask) -> None:
    members = SourceTable("member", "shop", "members", ("member_id",))
    orders.sql("CREATE TABLE shop.members (member_id int PRIMARY KEY)")
    following = task(ORDERS)
    following.load()
    orders.sql("INSERT INTO shop.members VALUES (1)", "DELETE FROM shop.orders WHERE order_id = 1")
    following.load(members)
    orders.sql("INSERT INTO shop.members VALUES (2)", "DELETE FROM shop.orders WHERE order_id = 2")
    following.changes()

    assert following.folded("order", "order_id") == {}
    assert [row["member_id"] for row in following.rows("member")] == [1, 2]


def test_two_sources_of_one_database_do_not_see_each_other(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("CREATE TABLE shop.other (id int PRIMARY KEY)", "INSERT INTO shop.other VALUES (1)")
    assert following.changes().tables == ()


def test_partitions_are_followed_as_their_table(source: Source, task: NewTask) -> None:
    source.sql(
        "CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, note text, total int)"
        " PARTITION BY RANGE (order_id)",
        "CREATE TABLE shop.low PARTITION OF shop.orders FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE shop.high PARTITION OF shop.orders FOR VALUES FROM (10) TO (20)",
        "INSERT INTO shop.orders VALUES (1, 'a', 1), (11, 'b', 2)",
    )
    following = task(ORDERS)
    following.load()
    source.sql("UPDATE shop.orders SET order_id = 12 WHERE order_id = 1")
    source.sql("DELETE FROM shop.orders WHERE order_id = 11")
    following.changes()
    assert following.folded("order", "order_id") == source.table("orders", "order_id")


def test_what_is_read_is_let_go_of_only_by_the_next_call(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    [(before,)] = orders.rows(CONFIRMED)
    orders.sql("INSERT INTO shop.orders VALUES (3, 'x', 1)")
    report = following.changes()
    assert orders.rows(CONFIRMED) == [(before,)]

    orders.sql("INSERT INTO shop.orders VALUES (4, 'x', 1)")
    following.changes()
    assert orders.rows(CONFIRMED) == [(report.until.lsn,)]


def test_the_same_changes_come_again_until_they_count(
    orders: Source, task: NewTask, landing: ObjectStore
) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("INSERT INTO shop.orders VALUES (3, 'x', 1)")
    reports = [
        following.replication.changes(
            following.request(),
            connection=following.connection,
            landing=landing,
            log=following.log,
        )
        for _ in range(2)
    ]
    first, second = (
        [read(landing, info.key) for info in landing.list(report.tables[0].prefix)]
        for report in reports
    )
    assert first == second
    for report in reports:
        found = following.replication.finished_changes("shop", report.execution_id, landing=landing)
        assert found == report
