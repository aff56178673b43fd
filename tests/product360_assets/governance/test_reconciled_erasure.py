"""Reconciliation after an erasure: what it explains is named, and nothing else is excused by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reconciled import DAYS

from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.core.erasures import record_found, record_request
from product360_assets.governance.known_erased import KnownErased
from resources.treatment_keys import current_key, key_of
from spark.tokens import subject_hash

RAW_AND_CLEAN = "raw_and_clean_agree"
# Member 40 bought twice, in the first of two files; one row of the other is set aside.
FIRST = "order_id,member,total\n1,40,1.10\n2,7,2.20\n3,40,3.30\n"
SECOND = "order_id,member,total\n4,8,-4.40\n5,40,5.50\n"


def clean(shop: Any) -> None:
    [table] = shop.contract.tables
    work = Cleaning(shop.contract, table, shop.ledger.open(), shop.lake, shop.runner, print)
    assert replace(work, secrets=shop.secrets).clean(DAYS).unaccounted == {}


def request(shop: Any) -> None:
    """Put the request to erase member 40 in force; nothing is made clean again."""
    key = current_key(shop.secrets)
    master = key_of(shop.secrets, key.version)
    subject = subject_hash(master, key.version, "member")("40")
    batches = [batch.batch_id for batch in shop.ledger.open().batches("shop", "order")]
    at = datetime(2017, 5, 3, tzinfo=UTC).isoformat()
    record_request(shop.zone("clean"), "member", subject, at=at)
    record_found(shop.zone("clean"), "member", subject, batches)


@pytest.fixture
def make_asked(make_shop: Callable[..., Any]) -> Callable[[str], Any]:
    """Makes a shop in which member 40 asked to be erased, and nothing was done yet."""

    def make(erasure: str) -> Any:
        shop = make_shop()
        document = shop.contract.model_dump(mode="json", exclude_defaults=True)
        column = document["tables"][0]["columns"][1]
        column |= {"type": "bigint", "nullable": True, "subject": "member", "erasure": erasure}
        shop.contract = SourceContract.model_validate(document)
        files = {"2017-05-01/a.csv": FIRST, "2017-05-02/b.csv": SECOND}
        for key, content in files.items():
            shop.zone("landing").put(f"shop/order/{key}", content.encode())
        shop.accept()
        clean(shop)
        request(shop)
        return shop

    return make


def test_the_key_of_nobody_erased_is_summed_and_that_of_the_erased_explains_the_difference(
    make_asked: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_asked("anonymise")
    before = shop.reconcile()
    assert before.said["differences"] == 0, "clean still holds what it held"
    assert "explained by erasures" not in before.said

    clean(shop)

    after = shop.reconcile()
    assert after.said["differences"] == 0
    lines = after.said["explained by erasures"].splitlines()[2:]
    assert [line.endswith("| erased: sum of member | 87 | 7 |") for line in lines] == [True, False]
    assert lines[1].endswith("| erased: sum of member | 48 | 8 |")
    assert shop.reconcile().said["days compared now"] == 0

    lose_a_key(shop)
    [named] = shop.reconcile().named(RAW_AND_CLEAN)
    assert named.endswith("sum of member 7 in raw, 0 in clean (-7)"), "somebody else's key is gone"

    with monkeypatch.context() as patched:
        patched.setattr(KnownErased, "recognise", lambda _self, _kind: None)
        [named] = shop.reconcile(everything=True).named(RAW_AND_CLEAN)
        assert named.endswith("sum of member 87 in raw, 0 in clean (-87)")


def lose_a_key(shop: Any) -> None:
    """Let clean forget who bought in the first file, though nobody asked for that."""
    units = {
        state.unit for state in shop.ledger.open().zone_states("shop", "order", "clean").values()
    }
    [key] = [
        key
        for key in shop.keys("clean", ".parquet")
        if "batch=2017-05-01" in key and any(unit in key for unit in units)
    ]
    rows = pq.read_table(shop.path("clean", key))
    place = rows.schema.get_field_index("member")
    nobody = pa.nulls(rows.num_rows, rows.schema.field(place).type)
    pq.write_table(rows.set_column(place, "member", nobody), shop.path("clean", key))


def test_removed_rows_are_named_as_erased(make_asked: Callable[[str], Any]) -> None:
    shop = make_asked("remove")
    clean(shop)

    after = shop.reconcile()

    assert after.said["differences"] == 0
    lines = after.said["explained by erasures"].splitlines()[2:]
    assert [line.rpartition("erased: ")[2] for line in lines] == [
        "rows | 3 | 1 |",
        "rows | 2 | 1 |",
    ]
