"""F28: a row dropped in raw, a byte flipped, a clean file gone. Reconciliation names each of them.

Each protection is then patched away, and the fault goes unseen: it is the protection that sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from product360_assets.governance import raw_and_clean, reconcile, source_and_raw, sums
from product360_assets.governance.evidence import TableEvidence
from resources.hashing import sha256_of

SOURCE_AND_RAW = "source_and_raw_agree"
RAW_AND_CLEAN = "raw_and_clean_agree"


def first_raw_file(shop: Any) -> str:
    key: str = next(key for key in shop.keys("raw", ".csv") if "2017-05-01" in key)
    return key


def drop_a_row(shop: Any, key: str) -> None:
    path = shop.path("raw", key)
    *kept, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(kept))


def flip_a_byte(shop: Any, key: str) -> None:
    path = shop.path("raw", key)
    data = bytearray(path.read_bytes())
    position = data.index(b"1.10")
    data[position] ^= 0x08
    path.write_bytes(data)


def test_f28_a_row_dropped_in_raw_is_named_with_its_table_day_file_and_number(shop: Any) -> None:
    shop.reconcile()
    key = first_raw_file(shop)
    drop_a_row(shop, key)

    found = shop.reconcile()

    assert found.said["days compared now"] == 1
    assert found.named(RAW_AND_CLEAN) == [
        f"shop.order 2017-05-01, {key}: rows 2 in raw, 3 in clean (+1)"
    ]
    bytes_differ, hash_differs = found.named(SOURCE_AND_RAW)
    assert bytes_differ.startswith(f"shop.order 2017-05-01, {key}: bytes ")
    assert bytes_differ.endswith("(-9)")
    assert hash_differs.startswith(f"shop.order 2017-05-01, {key}: sha256 ")
    assert shop.reconcile().said["differences"] == 3, "it stands until somebody acts"


def test_f28_one_flipped_byte_is_named_by_hash_and_by_the_sum_that_it_changed(shop: Any) -> None:
    shop.reconcile()
    key = first_raw_file(shop)
    flip_a_byte(shop, key)

    found = shop.reconcile()

    [hash_differs] = found.named(SOURCE_AND_RAW)
    assert hash_differs.startswith(f"shop.order 2017-05-01, {key}: sha256 ")
    assert found.named(RAW_AND_CLEAN) == [
        f"shop.order 2017-05-01, {key}: sum of total 14.60 in raw, 6.60 in clean (-8.00)"
    ]


def test_f28_a_clean_file_that_is_gone_is_named_with_its_rows(shop: Any) -> None:
    shop.reconcile()
    key = next(key for key in shop.keys("clean", ".parquet") if "batch=2017-05-01" in key)
    shop.path("clean", key).unlink()

    named = shop.reconcile().named(RAW_AND_CLEAN)

    assert named[0] == f"shop.order 2017-05-01, {key}: rows 3 in raw, 0 in clean (-3)"
    assert named[-1] == (
        f"shop.order 2017-05-01, {first_raw_file(shop)}: rows 3 in raw, 0 in clean (-3)"
    )


def test_f28_a_row_lost_between_raw_and_clean_is_named_although_every_count_was_told(
    shop: Any,
) -> None:
    key = next(key for key in shop.keys("clean", ".parquet") if "batch=2017-05-01" in key)
    rows = pq.read_table(shop.path("clean", key))
    # As many rows as the ledger was told, and not the same.
    pq.write_table(pa.concat_tables([rows.slice(0, 2), rows.slice(0, 1)]), shop.path("clean", key))

    named = shop.reconcile().named(RAW_AND_CLEAN)

    assert ": checksum of keys " in named[0]
    assert f"{first_raw_file(shop)}: sum of total 6.60 in raw, 4.40 in clean (-2.20)" in named[-1]


def test_f28_a_raw_file_that_is_gone_is_named(shop: Any) -> None:
    key = first_raw_file(shop)
    shop.path("raw", key).unlink()

    assert shop.reconcile().named(SOURCE_AND_RAW) == [
        f"shop.order 2017-05-01, {key}: objects 1 in source, 0 in raw (-1)"
    ]


def change_a_name_in_raw(shop: Any) -> None:
    """Text that is neither a number nor a key: only the file's hash tells."""
    path = shop.path("raw", first_raw_file(shop))
    path.write_bytes(path.read_bytes().replace(b",a,", b",z,"))


def change_a_total_in_clean(shop: Any) -> None:
    """As many rows and the same keys: only the column's sum tells."""
    rewrite(shop, "total", [Decimal("1.10"), Decimal("2.20"), Decimal("9.00")])


def exchange_keys_in_clean(shop: Any) -> None:
    """As many rows, and keys of the same sum: only the checksum of keys tells."""
    rewrite(shop, "order_id", [0, 3, 3])


def lose_a_row_and_tell_the_ledger_so(shop: Any) -> None:
    """Clean and the ledger agree: only the records counted in raw tell."""
    path = shop.path("clean", first_clean_file(shop))
    pq.write_table(pq.read_table(path).slice(0, 2), path)
    tell(shop, rows_in=2, rows_out=2)


def tell_the_ledger_of_one_row_more(shop: Any) -> None:
    """Raw and clean agree: only what the ledger was told does not."""
    tell(shop, rows_in=4, rows_out=4)


def first_clean_file(shop: Any) -> str:
    key: str = next(key for key in shop.keys("clean", ".parquet") if "batch=2017-05-01" in key)
    return key


def rewrite(shop: Any, name: str, values: list[Any]) -> None:
    path = shop.path("clean", first_clean_file(shop))
    rows = pq.read_table(path)
    position = rows.schema.get_field_index(name)
    changed = pa.array(values, rows[name].type)
    pq.write_table(rows.set_column(position, rows.schema.field(name), changed), path)


def tell(shop: Any, **counts: int) -> None:
    ledger = shop.ledger.open()
    [known] = [
        state
        for state in ledger.zone_states("shop", "order", "clean").values()
        if state.batch_id.startswith("2017-05-01")
    ]
    ledger.record_zone(replace(known, **counts), replacing=known)


def without_hashes(patched: pytest.MonkeyPatch) -> None:
    accepted = TableEvidence.accepted

    def believed(evidence: TableEvidence, day: date) -> Any:
        raw = evidence.lake.zone("raw")
        return {
            batch: [replace(each, sha256=sha256_of(raw.stream(each.raw_key))) for each in objects]
            for batch, objects in accepted(evidence, day).items()
        }

    patched.setattr(TableEvidence, "accepted", believed)
    patched.setattr(source_and_raw, "_landing", lambda *_: iter(()))


def without_sums(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(sums, "summed_columns", lambda _: [])


def without_the_checksum(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(sums, "_SUMMED_KEYS", ())


def without_the_records_of_raw(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(raw_and_clean, "_of_file", lambda *_: iter(()))


def without_what_was_told(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(raw_and_clean, "_told", lambda *_: iter(()))


@pytest.mark.parametrize(
    ("fault", "without"),
    [
        (change_a_name_in_raw, without_hashes),
        (change_a_total_in_clean, without_sums),
        (exchange_keys_in_clean, without_the_checksum),
        (lose_a_row_and_tell_the_ledger_so, without_the_records_of_raw),
        (tell_the_ledger_of_one_row_more, without_what_was_told),
    ],
)
def test_f28_each_protection_sees_a_fault_that_no_other_sees(
    shop: Any,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Any], None],
    without: Callable[[pytest.MonkeyPatch], None],
) -> None:
    fault(shop)
    with monkeypatch.context() as patched:
        without(patched)
        assert shop.reconcile(everything=True).said["differences"] == 0

    assert shop.reconcile(everything=True).said["differences"] > 0


@pytest.mark.parametrize("fault", [drop_a_row, flip_a_byte])
def test_f28_without_the_comparisons_the_same_fault_is_not_seen(
    shop: Any, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Any, str], None]
) -> None:
    fault(shop, first_raw_file(shop))
    for module in (source_and_raw, raw_and_clean):
        monkeypatch.setattr(module, "compare", lambda *_: iter(()))

    assert shop.reconcile().said["differences"] == 0


def test_f28_without_fingerprints_of_the_listing_a_fault_of_yesterday_is_not_seen(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.reconcile()
    drop_a_row(shop, first_raw_file(shop))
    with monkeypatch.context() as patched:
        patched.setattr(reconcile.DayEvidence, "fingerprint", lambda *_: "the same")
        shop.reconcile()
        assert shop.reconcile().said["days compared now"] == 0

    assert shop.reconcile().said["differences"] == 3
