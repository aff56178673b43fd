"""F11 to F14 at the source: loads that overlap changes, ties, keys that come again or change.

The changes of a real PostgreSQL, folded from the files that they land in, are what the source
holds; with the rule that a fault meets patched away, they are not. What published tables make of
such changes is in `jobs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from following import CONFIRMED, Source, Task, each_row_came_once, read

from resources.errors import ChangesLost, SourceRejected
from resources.local import change_files
from resources.local.captured_table import TableChanges
from resources.local.pgoutput import Delete, Insert, Update
from resources.local.replication import LocalReplication
from resources.replication import SourceTable

ORDERS = SourceTable("order", "shop", "orders", ("order_id",))
BY_CODE = SourceTable("order", "shop", "orders", ("code",))

NewTask = Callable[..., Task]


@pytest.fixture
def orders(source: Source) -> Source:
    source.sql(
        "CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, note text, total numeric(12,2),"
        " code text NOT NULL DEFAULT gen_random_uuid())",
        "INSERT INTO shop.orders VALUES (1, 'one', 1.10), (2, NULL, 2.20)",
    )
    return source


def test_f11_a_table_that_is_loaded_again_skips_what_its_load_holds(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql(
        "INSERT INTO shop.orders VALUES (3, 'before', 1)",
        "DELETE FROM shop.orders WHERE order_id = 2",
    )
    following.load()
    orders.sql("UPDATE shop.orders SET note = 'after' WHERE order_id = 3")

    [written] = following.changes().tables

    assert (written.epoch, written.rows) == ("20170501T120000Z-0002", 1)
    assert written.updates == 1
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_f11_without_that_rule_rows_would_be_delivered_twice(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("INSERT INTO shop.orders VALUES (3, 'before', 1)")
    following.load()
    # The rule is patched away: the load passes for one that was read where the log begins.
    known = following.captured["order"]
    begin = replace(known.loaded, lsn=int(orders.rows(CONFIRMED)[0][0]))
    following.captured["order"] = replace(known, loaded=begin)
    following.changes()
    with pytest.raises(AssertionError):
        each_row_came_once(following)


def test_f12_changes_with_one_commit_time_are_ordered_over_two_files(
    orders: Source, task: NewTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_files, "BLOCK_ROWS", 10)
    following = task(ORDERS, replication=LocalReplication(change_file_bytes=500))
    following.load()
    orders.sql(*(f"UPDATE shop.orders SET total = {n} WHERE order_id = 1" for n in range(100)))

    [written] = following.changes().tables

    names = [info.key for info in following.landing.list(written.prefix)]
    assert len(names) == written.files > 1
    landed = [read(following.landing, name) for name in names]
    assert len({row["dms_timestamp"] for rows in landed for row in rows}) == 1
    # Read file by file in the order of their names, or by sequence: the same.
    sequences = [row["ar_h_change_seq"] for rows in landed for row in rows]
    assert sequences == sorted(set(sequences))
    assert following.folded("order", "order_id")[(1,)]["total"] == Decimal("99.00")


def test_f13_insert_delete_insert_of_a_key_ends_with_the_last(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql(
        "INSERT INTO shop.orders VALUES (7, 'first', 1)",
        "DELETE FROM shop.orders WHERE order_id = 7",
        "INSERT INTO shop.orders VALUES (7, 'second', 2)",
        "DELETE FROM shop.orders WHERE order_id = 1",
        "INSERT INTO shop.orders VALUES (1, 'again', 3)",
    )
    following.changes()

    assert [row["Op"] for row in following.rows("order")[2:]] == ["I", "D", "I", "D", "I"]
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_f14_a_changed_key_is_a_deletion_and_an_insertion(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("UPDATE shop.orders SET order_id = order_id + 10")
    following.changes()

    changed = following.rows("order")[2:]
    assert [(row["Op"], row["order_id"]) for row in changed] == [
        ("D", 1), ("I", 11), ("D", 2), ("I", 12)
    ]  # fmt: skip
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_f14_without_the_deletion_of_its_old_key_a_row_would_stand_twice(
    orders: Source, task: NewTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = TableChanges.change

    def bare(self: TableChanges, event: Insert | Update | Delete, size: int, *, record: int) -> int:
        moved = isinstance(event, Update) and event.old is not None
        return change(self, event._replace(old=None) if moved else event, size, record=record)

    monkeypatch.setattr(TableChanges, "change", bare)
    following = task(ORDERS)
    following.load()
    orders.sql("UPDATE shop.orders SET order_id = order_id + 10")
    following.changes()
    assert sorted(following.folded("order", "order_id")) == [(1,), (2,), (11,), (12,)]


def test_f14_a_table_without_a_key_is_followed_by_its_whole_rows(
    source: Source, task: NewTask
) -> None:
    source.sql(
        "CREATE TABLE shop.orders (order_id int, code text)",
        "ALTER TABLE shop.orders REPLICA IDENTITY FULL",
        "INSERT INTO shop.orders VALUES (1, 'a'), (2, NULL)",
    )
    following = task(replace(ORDERS, key=()))
    following.load()
    source.sql("UPDATE shop.orders SET code = 'b' WHERE order_id = 2")
    source.sql("DELETE FROM shop.orders WHERE order_id = 1")
    following.changes()
    key = ("order_id", "code")
    assert following.folded("order", *key) == source.table("orders", *key)


@pytest.mark.parametrize(
    ("before", "table", "found"),
    [
        ("ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey", ORDERS, "its primary key, without"),
        ("ALTER TABLE shop.orders REPLICA IDENTITY NOTHING", ORDERS, "nothing, without"),
        ("SELECT 1", BY_CODE, r"its primary key, \(order_id\).*names a row: \(code\)"),
    ],
)
def test_f14_a_table_whose_deletions_name_no_key_is_refused_and_not_published(
    orders: Source, task: NewTask, before: str, table: SourceTable, found: str
) -> None:
    orders.sql(before)
    with pytest.raises(SourceRejected, match=rf"{found}.*REPLICA IDENTITY FULL"):
        task(table).load()
    # Published, the application could no longer update it.
    assert orders.rows("SELECT * FROM pg_publication") == []
    assert (
        orders.rows("SELECT 1 FROM pg_replication_slots WHERE database = current_database()") == []
    )


def test_f14_an_identity_that_was_taken_away_later_asks_for_a_new_load(
    orders: Source, task: NewTask
) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("ALTER TABLE shop.orders ADD UNIQUE (code)")
    orders.sql("ALTER TABLE shop.orders REPLICA IDENTITY USING INDEX orders_code_key")
    orders.sql("DELETE FROM shop.orders WHERE order_id = 1")
    orders.sql("ALTER TABLE shop.orders REPLICA IDENTITY DEFAULT")
    with pytest.raises(ChangesLost, match=r"do not name the table's key.*reload: true"):
        following.changes()
