"""A source says at no cost whether there is anything to fetch, and nothing is taken by asking."""

from __future__ import annotations

from collections.abc import Callable

from following import Source, Task

from resources.local.replication import LocalReplication
from resources.replication import SourceTable

ORDERS = SourceTable("order", "shop", "orders", ("order_id",))


def test_a_change_is_pending_until_it_was_fetched_and_let_go_of(
    source: Source, task: Callable[..., Task]
) -> None:
    source.sql("CREATE TABLE shop.orders (order_id bigint PRIMARY KEY)")
    source.sql("CREATE TABLE shop.others (id bigint PRIMARY KEY)")
    following = task(ORDERS)

    def pending() -> bool | None:
        return LocalReplication().pending(following.connection, "shop")

    assert pending() is None
    following.load()
    following.changes()
    assert pending() is False
    source.sql("INSERT INTO shop.others VALUES (1)")
    assert pending() is False
    source.sql("INSERT INTO shop.orders VALUES (1)")
    assert pending() is True
    assert pending() is True
    assert [table.rows for table in following.changes().tables] == [1]
    # Let go of by the next execution.
    following.changes()
    assert pending() is False
