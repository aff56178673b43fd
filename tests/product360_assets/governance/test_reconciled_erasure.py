"""Reconciliation after an erasure: what it explains is named, and nothing else is excused by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forgotten import clean

from product360_assets.governance.known_erased import KnownErased

RAW_AND_CLEAN = "raw_and_clean_agree"


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
