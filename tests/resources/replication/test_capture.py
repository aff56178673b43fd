"""What a source must capture, what happens when it does not, and what the error says to do."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from following import Source, Task
from psycopg.conninfo import make_conninfo

from demo.postgres import HOST, SUPERUSER, Postgres
from resources.errors import ChangesLost, SourceRejected, SourceUnreachable
from resources.local import delivering, slot
from resources.local.publication import stream_name
from resources.replication import SourceTable

ORDERS = SourceTable("order", "shop", "orders", ("order_id",))
BY_CODE = SourceTable("order", "shop", "orders", ("code",))
SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
PUBLICATION = f"PUBLICATION {stream_name('shop')}"
BY_ROOT = "WITH (publish_via_partition_root = true)"
CREATE = "CREATE TABLE shop.orders (order_id int PRIMARY KEY, code text NOT NULL, note text)"

NewTask = Callable[..., Task]


@pytest.fixture
def orders(source: Source) -> Source:
    source.sql(CREATE, "INSERT INTO shop.orders VALUES (1, 'a', 'x'), (2, 'b', 'y')")
    return source


@pytest.fixture
def reader(orders: Source) -> Iterator[dict[str, str]]:
    """A user who may read and replicate, and owns nothing."""
    orders.sql(
        "CREATE ROLE reader LOGIN REPLICATION PASSWORD 'secret-word'",
        "GRANT USAGE ON SCHEMA shop TO reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader",
    )
    yield {"user": "reader", "password": "secret-word"}
    orders.sql("DROP OWNED BY reader", "DROP ROLE reader")


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL", "USING INDEX orders_code_key"])
def test_every_identity_that_names_the_key_will_do(
    orders: Source, task: NewTask, identity: str
) -> None:
    orders.sql(
        "ALTER TABLE shop.orders ADD UNIQUE (code)",
        f"ALTER TABLE shop.orders REPLICA IDENTITY {identity}",
    )
    table = BY_CODE if "code" in identity else ORDERS
    following = task(table)
    following.load()
    orders.sql(
        "UPDATE shop.orders SET note = 'z', code = 'c' WHERE order_id = 1",
        "DELETE FROM shop.orders WHERE order_id = 2",
        "INSERT INTO shop.orders VALUES (3, 'd', 'new')",
    )
    following.changes()
    assert following.folded("order", *table.key) == orders.table("orders", *table.key)


def test_a_source_that_can_only_be_loaded_says_so_in_its_connection(
    orders: Source, task: NewTask
) -> None:
    orders.sql("ALTER TABLE shop.orders REPLICA IDENTITY NOTHING")
    report = task(ORDERS, changes="none").load()
    assert (report.position, report.tables[0].capture, report.tables[0].rows) == (None, "", 2)
    assert orders.rows("SELECT * FROM pg_publication") == []


def test_a_view_is_loaded_and_not_followed(orders: Source, task: NewTask) -> None:
    orders.sql("CREATE VIEW shop.notes AS SELECT order_id, note FROM shop.orders")
    notes = SourceTable("note", "shop", "notes", ("order_id",))
    following = task(ORDERS, notes)
    report = following.load()
    assert [bool(table.capture) for table in report.tables] == [True, False]
    orders.sql("DELETE FROM shop.orders")
    assert [each.table for each in following.changes().tables] == ["order"]


def test_a_reader_follows_what_the_owner_has_published(
    orders: Source, task: NewTask, reader: dict[str, str]
) -> None:
    following = task(ORDERS, **reader)
    with pytest.raises(SourceRejected, match="as the owner: CREATE PUBLICATION") as caught:
        following.load()
    assert "secret-word" not in str(caught.value)

    orders.sql(caught.value.next_move.removeprefix("as the owner: "))
    following.load()
    orders.sql("DELETE FROM shop.orders WHERE order_id = 1")
    following.changes()
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_a_table_that_the_owner_has_not_added_is_named(
    orders: Source, task: NewTask, reader: dict[str, str]
) -> None:
    orders.sql(f"CREATE {PUBLICATION} {BY_ROOT}")
    with pytest.raises(SourceRejected, match=r'ALTER PUBLICATION .* ADD TABLE "shop"\."orders"'):
        task(ORDERS, **reader).load()


def test_a_reader_without_the_attribute_is_told_which(
    orders: Source, task: NewTask, reader: dict[str, str]
) -> None:
    orders.sql("ALTER ROLE reader NOREPLICATION")
    with pytest.raises(SourceRejected, match="REPLICATION, for user reader"):
        task(ORDERS, **reader).load()


@pytest.mark.parametrize(
    ("published", "found"),
    [
        ("shop.orders WITH (publish = 'insert', publish_via_partition_root)", "some operations"),
        ("shop.orders WITH (publish_via_partition_root = false)", "partitions' root"),
        (f"shop.orders (order_id) {BY_ROOT}", "some of its rows"),
        (f"shop.orders WHERE (order_id > 1) {BY_ROOT}", "some of its rows"),
    ],
)
def test_a_publication_of_less_than_everything_is_refused(
    orders: Source, task: NewTask, published: str, found: str
) -> None:
    orders.sql(f"CREATE {PUBLICATION} FOR TABLE {published}")
    with pytest.raises(SourceRejected, match=found):
        task(ORDERS).load()


@pytest.mark.parametrize("what", ["ALL TABLES", "TABLES IN SCHEMA shop"])
def test_a_publication_of_more_tables_will_do(orders: Source, task: NewTask, what: str) -> None:
    orders.sql(f"CREATE {PUBLICATION} FOR {what} {BY_ROOT}")
    following = task(ORDERS)
    following.load()
    orders.sql("DELETE FROM shop.orders WHERE order_id = 1")
    following.changes()
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


DROP_SLOT = f"SELECT pg_drop_replication_slot('{stream_name('shop')}')"


def test_a_slot_that_was_dropped_asks_for_a_new_load(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql(DROP_SLOT)
    orders.sql("DELETE FROM shop.orders WHERE order_id = 1")
    with pytest.raises(ChangesLost, match=r"order: found no replication slot.*reload: true"):
        following.changes()

    following.load()
    orders.sql("INSERT INTO shop.orders VALUES (3, 'c', 'after')")
    following.changes()
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_a_slot_that_was_made_anew_is_noticed(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    remake_the_slot_over_a_change(orders)
    with pytest.raises(ChangesLost, match=r"later than what was delivered.*reload: true"):
        following.changes()


def test_without_comparing_places_its_gap_would_be_skipped(
    orders: Source, task: NewTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusting(found: slot.Slot, **_known: object) -> int:
        return found.confirmed

    monkeypatch.setattr(delivering, "start_of", trusting)
    following = task(ORDERS)
    following.load()
    remake_the_slot_over_a_change(orders)
    following.changes()
    assert following.folded("order", "order_id") != orders.table("orders", "order_id")


def remake_the_slot_over_a_change(orders: Source) -> None:
    orders.sql(DROP_SLOT)
    orders.sql("DELETE FROM shop.orders WHERE order_id = 1")
    orders.sql(f"SELECT pg_create_logical_replication_slot('{stream_name('shop')}', 'pgoutput')")


def test_a_table_that_joins_after_a_lost_slot_does_not_hide_the_loss(
    orders: Source, task: NewTask
) -> None:
    members = SourceTable("member", "shop", "members", ("member_id",))
    orders.sql("CREATE TABLE shop.members (member_id int PRIMARY KEY)")
    following = task(ORDERS)
    following.load()
    orders.sql(DROP_SLOT)
    orders.sql("DELETE FROM shop.orders WHERE order_id = 1")
    following.load(members)
    with pytest.raises(ChangesLost, match="changes of shop: order: found"):
        following.changes()
    following.load(ORDERS)
    following.changes()
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


DELETE_ONE = "DELETE FROM shop.orders WHERE order_id = 1"


@pytest.mark.parametrize(
    "statements",
    [
        (
            f"DROP {PUBLICATION}",
            DELETE_ONE,
            f"CREATE {PUBLICATION} FOR TABLE shop.orders {BY_ROOT}",
        ),
        (
            f"ALTER {PUBLICATION} DROP TABLE shop.orders",
            DELETE_ONE,
            f"ALTER {PUBLICATION} ADD TABLE shop.orders",
        ),
        (
            f"ALTER {PUBLICATION} SET (publish = 'insert')",
            DELETE_ONE,
            f"ALTER {PUBLICATION} SET (publish = 'insert, update, delete, truncate')",
        ),
        ("DROP TABLE shop.orders", CREATE, f"ALTER {PUBLICATION} ADD TABLE shop.orders"),
    ],
)
def test_a_publication_that_was_interrupted_is_noticed(
    orders: Source, task: NewTask, statements: tuple[str, ...]
) -> None:
    following = task(ORDERS)
    following.load()
    for statement in statements:
        orders.sql(statement)
    with pytest.raises(ChangesLost, match=r"made anew.*reload: true"):
        following.changes()


def test_a_table_that_is_renamed_and_back_misses_nothing(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    orders.sql("ALTER TABLE shop.orders RENAME TO commands")
    orders.sql("DELETE FROM shop.commands WHERE order_id = 1")
    orders.sql("ALTER TABLE shop.commands RENAME TO orders")
    following.changes()
    assert following.folded("order", "order_id") == orders.table("orders", "order_id")


def test_a_log_of_another_server_is_not_ours(orders: Source, task: NewTask) -> None:
    following = task(ORDERS)
    following.load()
    known = following.captured["order"]
    elsewhere = replace(known.loaded, system="7000000000000000000")
    following.captured["order"] = replace(known, loaded=elsewhere)
    with pytest.raises(ChangesLost, match="reload: true"):
        following.changes()


def test_a_second_reader_is_asked_to_wait(
    orders: Source, task: NewTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "_PATIENCE_SECONDS", 0.3)
    following = task(ORDERS)
    following.load()
    from resources.local.change_log import change_log

    with change_log(following.connection, timeout_seconds=5) as log:
        name = stream_name("shop")
        stream = log.messages(name, name, since=0, target=2**62, with_messages=False)
        orders.sql("DELETE FROM shop.orders")
        next(stream)
        with pytest.raises(SourceUnreachable, match="another reader of slot") as caught:
            following.changes()
    assert caught.value.retryable
    following.changes()
    assert following.folded("order", "order_id") == {}


def test_a_name_that_another_plugin_has_taken_is_left_alone(orders: Source, task: NewTask) -> None:
    orders.sql(
        f"SELECT pg_create_logical_replication_slot('{stream_name('shop')}', 'test_decoding')"
    )
    with pytest.raises(SourceRejected, match="another plugin"):
        task(ORDERS).load()


def test_a_long_source_name_still_makes_a_name() -> None:
    names = {stream_name(f"{'a' * 63}{last}") for last in "bc"}
    assert len(names) == 2
    assert {len(name) for name in names} == {63}


@pytest.fixture
def small_server() -> Iterator[Source]:
    """A server that keeps as good as no log."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "server")
    postgres.initialise()
    found = Source(
        {
            "host": HOST, "port": str(postgres.start()), "dbname": "postgres",
            "user": SUPERUSER, "password": postgres.password,
        }
    )  # fmt: skip
    try:
        with psycopg.connect(make_conninfo(**found.connection), autocommit=True) as session:
            session.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
            session.execute("ALTER SYSTEM SET max_wal_size = '32MB'")
            session.execute("SELECT pg_reload_conf()")
        found.sql("CREATE SCHEMA shop", CREATE, "INSERT INTO shop.orders VALUES (1, 'a', 'x')")
        yield found
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_log_that_the_server_gave_up_asks_for_a_new_load(
    small_server: Source, task: NewTask
) -> None:
    following = task(ORDERS)
    following.connection = small_server.connection
    following.load()
    small_server.sql("DELETE FROM shop.orders")
    deadline = time.monotonic() + 30
    state = "SELECT wal_status FROM pg_replication_slots"
    while small_server.rows(state) != [("lost",)]:
        assert time.monotonic() < deadline
        with psycopg.connect(make_conninfo(**small_server.connection), autocommit=True) as session:
            session.execute("SELECT pg_switch_wal() FROM pg_logical_emit_message(false, 'x', 'y')")
            session.execute("CHECKPOINT")
    with pytest.raises(ChangesLost, match=r"gave up.*reload: true"):
        following.changes()

    following.load()
    small_server.sql("INSERT INTO shop.orders VALUES (2, 'b', 'after')")
    following.changes()
    assert following.folded("order", "order_id") == small_server.table("orders", "order_id")
