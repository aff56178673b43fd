"""Source against raw against clean: what is equal passes, what differs is named to the file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from product360_assets.clean.corrections import Releasing
from product360_assets.clean.fixes import Fix
from product360_assets.clean.quarantine import rejected_rows
from product360_assets.core.contract import SourceContract
from product360_assets.governance import reconcile as reconcile_module
from product360_assets.governance.records import measured
from resources.ledger import Delivery
from resources.local.secrets import LocalSecrets

SOURCE_AND_RAW = "source_and_raw_agree"
RAW_AND_CLEAN = "raw_and_clean_agree"
MORE = "order_id,member,total\n6,a,4.40\n7,b,5.50\n"


def test_zones_that_agree_pass_with_their_counts(shop: Any) -> None:
    found = shop.reconcile()

    assert found.named(SOURCE_AND_RAW) == []
    assert found.named(RAW_AND_CLEAN) == []
    assert (found.said["days"], found.said["days compared now"]) == (2, 2)
    # Files come without a number of rows; five came, four are kept and one is set aside.
    assert "| shop.order | 2 |  | 5 | 4 | 1 |" in found.said["tables"]


def test_only_days_that_changed_are_read_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.reconcile()
    read: list[str] = []

    def counting(store: Any, key: str, kind: Any) -> Any:
        read.append(key)
        return measured(store, key, kind)

    monkeypatch.setattr(reconcile_module, "measured", counting)
    again = shop.reconcile()
    assert (read, again.said["days compared now"], again.said["days kept"]) == ([], 0, 2)

    shop.deliver({"2017-05-02/more.csv": MORE})
    again = shop.reconcile()
    assert again.said["days compared now"] == 1
    assert {"2017-05-02" in key for key in read} == {True}
    assert again.named(RAW_AND_CLEAN) == []

    assert shop.reconcile(everything=True).said["days compared now"] == 2


def test_a_corrected_row_is_no_difference_and_counts_where_it_was_set_aside(shop: Any) -> None:
    [batch] = [
        batch
        for batch in shop.ledger.open().batches("shop", "order")
        if batch.landing_date.isoformat() == "2017-05-02"
    ]
    state = shop.ledger.open().zone_state(batch.batch_id, "clean")
    [rejected] = rejected_rows(batch, state, shop.zone("clean"))
    [release] = Releasing(
        {"shop": shop.contract},
        shop.ledger.open(),
        shop.lake,
        LocalSecrets(path="none"),
        by="ann",
        at=datetime(2017, 5, 20, tzinfo=UTC),
        why="A slip.",
    ).release(
        [Fix(batch.batch_id, rejected.row_id, {"order_id": "4", "member": "a", "total": "4.40"})]
    )
    assert release.rows == 1
    shop.accept()
    shop.clean()

    found = shop.reconcile()

    assert [each.kind for each in shop.ledger.open().batches("shop", "order")].count(
        "correction"
    ) == 1
    assert found.named(SOURCE_AND_RAW) == []
    assert found.named(RAW_AND_CLEAN) == []
    assert "| shop.order | 2 |  | 5 | 4 | 1 |" in found.said["tables"]


def test_what_is_on_its_way_is_no_difference(make_shop: Callable[..., Any]) -> None:
    shop = make_shop()
    shop.zone("landing").put("shop/order/2017-05-01/orders.csv", MORE.encode())
    assert shop.reconcile().said["differences"] == 0
    shop.accept()
    found = shop.reconcile()
    assert found.said["differences"] == 0
    assert "| 1 | 0 |" in found.said["tables"], "one day is on its way"
    shop.clean()
    assert "| 0 | 0 |" in shop.reconcile().said["tables"]


def test_an_object_that_its_owner_removes_from_landing_is_no_difference(shop: Any) -> None:
    for key in shop.keys("landing", ".csv"):
        shop.zone("landing").delete(key)
    assert shop.reconcile().said["differences"] == 0


def test_an_object_that_is_written_again_in_landing_is_one(shop: Any) -> None:
    [key, _] = shop.keys("landing", ".csv")
    shop.zone("landing").delete(key)
    shop.zone("landing").put(key, b"order_id,member,total\n9,z,9.00\n")

    [difference] = shop.reconcile().named(SOURCE_AND_RAW)
    assert difference.startswith(f"shop.order 2017-05-01, {key}: version ")


def parquet(*totals: int) -> bytes:
    file = io.BytesIO()
    table = pa.table(
        {
            "order_id": pa.array(range(len(totals)), pa.int64()),
            "member": ["m"] * len(totals),
            "total": pa.array(map(Decimal, totals), pa.decimal128(12, 2)),
        }
    )
    pq.write_table(table, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "name", "content", "records"),
    [
        ("parquet", "o.parquet", parquet(1, 2, 3), 3),
        ("json", "o.json", b'{"order_id":1,"member":"a","total":1.5}\n\n{"order_id":2}\n', 2),
        (
            "json",
            "o.json.gz",
            gzip.compress(b'{"order_id":1,"member":"a","total":"1.5"}\n', mtime=0),
            1,
        ),
        ("csv", "o.csv", b'order_id,member,total\n1,"two\nlines",1.5\n\n2,b,2.5', 2),
        ("csv", "o.csv.gz", gzip.compress(b"order_id,member,total\n1,a,1\n", mtime=0), 1),
        # What cannot be read is one record, set aside, and nobody counts it.
        ("json", "o.json.gz", gzip.compress(b'{"order_id":1}\n' * 500, mtime=0)[:-9], None),
        ("parquet", "o.parquet", b"PAR1 and no end", None),
        ("csv", "o.csv", b"who,knows\n1,2\n3,4\n", 2),
        ("csv", "o.csv", b'order_id,member,total\n1,"a,1\n2,b,2\n', None),
    ],
)
def test_every_format_is_counted_apart_from_the_engines_and_agrees_with_them(
    make_shop: Callable[..., Any], kind: str, name: str, content: bytes, records: int | None
) -> None:
    shop = make_shop(kind)
    shop.deliver({f"2017-05-01/{name}": content})

    [key] = [key for key in shop.keys("raw", "") if key.endswith(name)]
    found = measured(shop.zone("raw"), key, kind)
    assert found is not None
    assert found.records == records
    outcome = shop.reconcile()
    assert outcome.named(SOURCE_AND_RAW) == []
    assert outcome.named(RAW_AND_CLEAN) == []


def test_rows_that_an_execution_says_it_delivered_are_held_against_raw(
    make_shop: Callable[..., Any],
) -> None:
    shop = make_shop("json")
    shop.contract = SourceContract.model_validate(
        {**shop.contract.model_dump(), "kind": "saas", "connection": "shop_api"}
    )
    content = b'{"order_id":1,"member":"a","total":1}\n{"order_id":2,"member":"b","total":2}\n'
    at = datetime(2017, 5, 1, 12, tzinfo=UTC)
    honest = Delivery(
        "shop",
        "order",
        "e1",
        at.date(),
        "shop/order/e1/",
        "successful",
        at,
        at,
        2,
        len(content),
        {},
    )
    liar = replace(honest, delivery_id="e2", prefix="shop/order/e2/", rows=3)
    for delivery in (honest, liar):
        shop.zone("landing").put(f"{delivery.prefix}part.json", content)
        shop.ledger.open().record_delivery(delivery)
    shop.accept()

    [difference] = shop.reconcile().named(SOURCE_AND_RAW)
    assert difference.startswith("shop.order 2017-05-01, shop/order/landing_date=2017-05-01/")
    assert difference.endswith("part.json: rows 3 in source, 2 in raw (-1)")
