"""Validation of a real PostgreSQL against real files, some of which were tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from following import Source, Task

from resources.local import comparison, validating
from resources.local.replication import LocalReplication
from resources.local.touched_keys import read_touched
from resources.replication import SourceTable
from resources.validation import TableValidation

ORDERS = SourceTable("order", "shop", "orders", ("order_id",))
EVERY_TYPE = """
CREATE TYPE shop.mood AS ENUM ('sad', 'ok');
CREATE TABLE shop.every_type (
    id numeric(8,2) PRIMARY KEY, small smallint, whole integer, big bigint, money numeric(12,2),
    free numeric, single real, half double precision, yes boolean, day date,
    local timestamp, world timestamptz, hour time, span interval, short varchar(10), fixed char(4),
    document jsonb, tags text[], bytes bytea, one uuid, mood shop.mood, note text
);
INSERT INTO shop.every_type VALUES
    (1.50, 1, 2, 9007199254740993, 1234567890.10, 0.1234567890123456789, 0.1, 0.1, true,
     '2017-03-12', '2017-03-12 02:30:00.100', '2017-03-12 02:30:00-05', '24:00', '1 mon 2 days',
     'NULL', 'ab', '{"a": [1]}', '{"x,y",NULL}', '\\x00ff',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'ok', E'a "b", c\\nd\\\\'),
    (2, -1, NULL, NULL, -0.5, 'NaN', 'Infinity', '-0', false, 'infinity', '-infinity',
     '0044-03-15 BC', NULL, NULL, '', '', NULL, '{}', '', NULL, NULL, NULL),
    (3, NULL, NULL, NULL, NULL, NULL, 1e30, 1e-300, NULL, '0099-01-01', '1900-01-01 00:00:00',
     '2017-07-01 12:00:00.000001+02', '00:00', NULL, NULL, NULL, 'null', NULL, NULL,
     NULL, NULL, '');
"""


def failures(found: TableValidation) -> list[tuple[str, list[str], str, str]]:
    """Each failure's type, key, details and the name of its file."""
    return [
        (f["FAILURE_TYPE"], json.loads(f["KEY"])["key"], f["DETAILS"], Path(f["FILE"]).name)
        for f in found.failures
    ]


def rewrite(task: Task, key: str, change: Callable[[pa.Table], pa.Table]) -> None:
    path = task.landing.uri_of(key).removeprefix("file://")
    table = change(pq.read_table(path))
    Path(path).unlink()
    pq.write_table(table, path)


@pytest.fixture
def orders(source: Source, task: Callable[..., Task]) -> Task:
    """Ten thousand orders, loaded in four files."""
    source.sql(
        "CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, note text, total numeric(9,2))",
        "INSERT INTO shop.orders SELECT n, 'note ' || n, n / 4.0 FROM generate_series(1, 10000) n",
    )
    following = task(ORDERS, replication=LocalReplication(rows_per_file=3_000))
    following.load()
    return following


def test_values_of_every_type_are_the_same_on_both_sides(
    source: Source, task: Callable[..., Task]
) -> None:
    source.sql(EVERY_TYPE)
    following = task(SourceTable("every_type", "shop", "every_type", ("id",)))
    following.load()
    assert following.validated("every_type").state == "Validated"

    source.sql(
        "UPDATE shop.every_type SET id = id + 10, day = '2020-02-29', free = 1e20",
        "INSERT INTO shop.every_type (id, half, world) VALUES (4.25, 'NaN', '1969-12-31 23:59Z')",
    )
    following.changes()
    for whole in (True, False):
        found = following.validated("every_type", whole=whole)
        assert (found.state, found.failures) == ("Validated", ())
    # Four that stand, and the three old keys that are gone.
    assert found.compared == 7


def test_each_value_of_every_type_that_differs_is_named_by_its_column(
    source: Source, task: Callable[..., Task]
) -> None:
    source.sql(EVERY_TYPE)
    following = task(SourceTable("every_type", "shop", "every_type", ("id",)))
    following.load()
    [info] = following.landing.list(following.captured["every_type"].delivered[0])

    def emptied(rows: pa.Table) -> pa.Table:
        kept = {"id", "Op", "dms_timestamp", "ar_h_change_seq"}
        for place, field in enumerate(rows.schema):
            if field.name not in kept:
                rows = rows.set_column(place, field, pa.nulls(rows.num_rows, field.type))
        return rows

    rewrite(following, info.key, emptied)
    found = following.validated("every_type")
    assert (found.state, found.failed) == ("Mismatched records", 3)
    first = str(found.failures[0]["DETAILS"]).split(", ")
    assert len(first) == 21
    assert "id" not in first


def test_a_tampered_value_a_lost_row_and_an_invented_one_are_named(orders: Task) -> None:
    keys = [info.key for info in orders.landing.list(orders.captured["order"].delivered[0])]

    def tampered(rows: pa.Table) -> pa.Table:
        notes = ["changed" if n == 3_007 else f"note {n}" for n in range(3_001, 6_001)]
        return rows.set_column(2, "note", pa.array(notes))

    rewrite(orders, keys[1], tampered)
    rewrite(orders, keys[2], lambda rows: rows.filter(pc.not_equal(rows["order_id"], 7_000)))
    rewrite(
        orders,
        keys[3],
        lambda rows: pa.concat_tables(
            [rows, rows.slice(0, 1).set_column(1, "order_id", pa.array([77_777]))]
        ),
    )
    found = orders.validated()

    assert (found.state, found.failed, found.suspended, found.pending) == (
        "Mismatched records", 3, 0, 0,
    )  # fmt: skip
    assert sorted(failures(found)) == [
        ("MISSING_SOURCE", ["77777"], "", "LOAD00000004.parquet"),
        ("MISSING_TARGET", ["7000"], "", ""),
        ("RECORD_DIFF", ["3007"], "note", "LOAD00000002.parquet"),
    ]
    [changed] = [f for f in found.failures if f["FAILURE_TYPE"] == "RECORD_DIFF"]
    assert changed["ROW"] == 7
    assert "changed" not in json.dumps(found.failures)


def test_a_hidden_key_is_not_told_but_its_place_is(orders: Task) -> None:
    [first, *_] = orders.landing.list(orders.captured["order"].delivered[0])
    rewrite(orders, first.key, lambda rows: rows.slice(1))
    found = orders.validated(hidden=frozenset({"order_id"}))
    assert failures(found) == [("MISSING_TARGET", ["hidden"], "", "")]


def test_a_missing_file_and_one_that_cannot_be_read_make_a_table_error(orders: Task) -> None:
    keys = [info.key for info in orders.landing.list(orders.captured["order"].delivered[0])]
    path = Path(orders.landing.uri_of(keys[3]).removeprefix("file://"))
    path.write_bytes(path.read_bytes()[:-100])
    Path(orders.landing.uri_of(keys[0]).removeprefix("file://")).unlink()
    found = orders.validated(missing=("LOAD00000001.parquet is gone",))

    # Three thousand rows of the first file, a thousand of the last; a thousand are told.
    assert (found.state, found.failed, found.suspended) == ("Table error", 1_000, 3_000)
    warnings = [f for f in failures(found) if f[0] == "TABLE_WARNING"]
    assert warnings[0][2] == "LOAD00000001.parquet is gone"
    assert "LOAD00000004.parquet cannot be read" in warnings[1][2]
    assert len(warnings) == 2


def test_changes_are_compared_alone_and_at_no_cost_for_the_rest(
    orders: Task, source: Source
) -> None:
    source.sql(
        "UPDATE shop.orders SET total = 1 WHERE order_id BETWEEN 10 AND 19",
        "DELETE FROM shop.orders WHERE order_id = 20",
        "UPDATE shop.orders SET order_id = -30 WHERE order_id = 30",
        "INSERT INTO shop.orders VALUES (20000, 'new', 1)",
    )
    orders.changes()
    found = orders.validated(whole=False)
    # Ten, the new key, the new row and two that are gone, of ten thousand.
    assert (found.state, found.compared) == ("Validated", 14)

    [changed] = list(orders.landing.list(orders.captured["order"].delivered[-1]))
    rewrite(orders, changed.key, lambda rows: rows.filter(pc.not_equal(rows["Op"], "U")))
    assert orders.validated(whole=False).state == "Validated"
    found = orders.validated()
    assert (found.state, found.failed) == ("Mismatched records", 10)
    assert {f["DETAILS"] for f in found.failures} == {"total"}


def test_a_deletion_that_the_source_does_not_know_is_a_missing_row(
    orders: Task, source: Source
) -> None:
    source.sql("UPDATE shop.orders SET total = 1 WHERE order_id = 10")
    orders.changes()
    [changed] = list(orders.landing.list(orders.captured["order"].delivered[-1]))
    rewrite(orders, changed.key, lambda rows: rows.set_column(0, "Op", pa.array(["D"])))
    for whole in (True, False):
        [failure] = failures(orders.validated(whole=whole))
        assert failure == ("MISSING_TARGET", ["10"], "", Path(changed.key).name)


def test_a_busy_source_makes_rows_pending_and_never_different(
    orders: Task, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.sql("UPDATE shop.orders SET note = 'delivered' WHERE order_id = 1")
    orders.changes()
    source.sql(
        "UPDATE shop.orders SET note = 'later' WHERE order_id IN (1, 2)",
        "DELETE FROM shop.orders WHERE order_id = 3",
        "INSERT INTO shop.orders VALUES (30000, 'new', 1)",
        "UPDATE shop.orders SET order_id = -4 WHERE order_id = 4",
    )
    found = orders.validated()
    assert (found.state, found.failed, found.pending) == ("Pending records", 0, 6)
    assert found.compared == 9_996
    assert orders.validated().pending == 6, "validating took something from the log"

    # Without the log's word on what is pending, they would be differences.
    with monkeypatch.context() as patched:
        patched.setattr(validating, "read_touched", lambda *_, **__: None)
        found = orders.validated()
        assert (found.state, found.failed) == ("Mismatched records", 6)

    orders.changes()
    assert orders.validated().state == "Validated"


def test_what_is_committed_while_rows_are_read_is_not_seen(
    orders: Task, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:

    def read_while_busy(*arguments: Any, **named: Any) -> None:
        read_touched(*arguments, **named)
        source.sql("UPDATE shop.orders SET note = 'meanwhile'", "DELETE FROM shop.orders")

    monkeypatch.setattr(validating, "read_touched", read_while_busy)
    assert orders.validated().state == "Validated"


def test_a_truncated_table_is_pending_until_that_is_delivered(orders: Task, source: Source) -> None:
    source.sql("TRUNCATE shop.orders", "INSERT INTO shop.orders VALUES (1, 'again', 1)")
    found = orders.validated()
    assert (found.state, found.pending, found.failures) == ("Pending records", 10_000, ())
    orders.changes()
    found = orders.validated()
    # One that stands, and all that are gone.
    assert (found.state, found.compared) == ("Validated", 10_000)


def test_a_table_without_a_key_cannot_be_validated(
    source: Source, task: Callable[..., Task]
) -> None:
    source.sql(
        "CREATE TABLE shop.notes (note text)",
        "ALTER TABLE shop.notes REPLICA IDENTITY FULL",
        "CREATE TABLE shop.keyed (id int PRIMARY KEY)",
    )
    following = task(SourceTable("note", "shop", "notes"), SourceTable("keyed", "shop", "keyed"))
    following.load()
    assert following.validated("note").state == "No primary key"

    assert following.validated("keyed").state == "Validated"
    source.sql("ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey")
    assert following.validated("keyed").state == "No primary key"


def test_a_key_that_is_none_and_a_table_that_was_made_anew_are_errors(
    orders: Task, source: Source, task: Callable[..., Task]
) -> None:
    source.sql(
        "CREATE TABLE shop.lines (order_id bigint, line int)",
        "ALTER TABLE shop.lines REPLICA IDENTITY FULL",
        "INSERT INTO shop.lines VALUES (1, 1), (1, 2), (2, 1)",
    )
    lines = SourceTable("line", "shop", "lines", ("order_id",))
    orders.load(lines)
    found = orders.validated("line")
    assert found.state == "Table error"
    assert failures(found)[0][2] == "1 rows of the source have a key that another row has too"

    source.sql("DROP TABLE shop.lines")
    assert orders.validated("line").state == "Table error"
    source.sql("CREATE TABLE shop.lines (order_id bigint PRIMARY KEY, line int)")
    assert "made anew" in failures(orders.validated("line"))[0][2]


def test_a_type_that_was_widened_is_no_difference(orders: Task, source: Source) -> None:
    source.sql("ALTER TABLE shop.orders ALTER total TYPE numeric(12,4)")
    assert orders.validated().state == "Validated"
    source.sql("ALTER TABLE shop.orders ADD COLUMN extra int DEFAULT 5")
    found = orders.validated()
    # No change says so, and nothing delivered holds the five: only a reload does.
    assert (found.state, found.failed, found.suspended) == ("Suspended records", 1_000, 9_000)
    assert found.failures[0]["DETAILS"] == "extra"
    orders.load()
    assert orders.validated().state == "Validated"


def test_rows_that_differ_are_found_though_parts_of_the_keys_are_compared_first(
    orders: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the sums of parts always agreed, nothing would ever be found: they are what decides."""
    [first, *_] = orders.landing.list(orders.captured["order"].delivered[0])
    rewrite(orders, first.key, lambda rows: rows.slice(1))
    assert orders.validated().failed == 1
    blind = comparison._DIFFERENCES.replace("IS DISTINCT FROM (h.rows, h.sum)", "IS NULL")
    monkeypatch.setattr(comparison, "_DIFFERENCES", blind)
    assert orders.validated().failed == 0
