"""A second home has what was delivered, knows nothing of what was made of it, and can go."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from desk import desk

from product360_assets.automation.rebuild import GIVEN_FOLDERS, compare
from resources.digests import files_digest
from resources.local.beside import home_beside
from resources.local.ledger import SqliteLedgerResource

__all__ = ["desk"]


def test_the_second_home_shares_raw_and_not_what_was_made_of_it(desk: Any) -> None:
    batch = desk.deliver(1, "a")
    desk.publish()
    raw = desk.home / "lake/raw/desk/note/1.json"
    raw.parent.mkdir(parents=True)
    raw.write_text("{}")
    asked = desk.home / "lake/clean/erasures/customer/3f2a/request.json"
    asked.parent.mkdir(parents=True)
    asked.write_text("{}")
    beside = desk.home / "rebuilt" / "1"
    home_beside(desk.home, beside, kept_states=["raw"], kept_folders=GIVEN_FOLDERS)

    copied = beside / "lake/raw/desk/note/1.json"
    assert copied.samefile(raw)
    there = [path for path in (beside / "lake/clean").rglob("*") if path.is_file()]
    assert [path.samefile(asked) for path in there] == [True], "who was erased stays erased"
    again = SqliteLedgerResource(path=str(beside / "ledger.db")).open()
    assert [each.batch_id for each in again.batches("desk", "note")] == [batch]
    for zone in ("clean", "curated.note"):
        assert again.zone_states("desk", "note", zone) == {}
        assert desk.ledger.zone_states("desk", "note", zone) != {}
    assert not (beside / "catalog.db").exists()
    shutil.rmtree(beside)
    assert raw.read_text() == "{}"
    assert desk.notes() == ["a"]


def test_rows_have_one_digest_in_however_many_files_they_lie(tmp_path: Path) -> None:
    rows = pa.table({"id": [1, 2, 3], "note": ["a", None, "b"], "_batch_id": ["x", "y", "z"]})
    parts = {
        "all": rows,
        "late": rows.slice(1).drop_columns("_batch_id"),
        "early": rows.slice(0, 1),
        "wrong": rows.slice(1, 1),
    }
    uri = {name: f"file://{tmp_path}/{name}.parquet" for name in parts}
    for name, part in parts.items():
        pq.write_table(part, tmp_path / f"{name}.parquet")
    whole = files_digest([uri["all"]])
    assert files_digest([uri["late"], uri["early"]]) == whole
    assert files_digest([uri["wrong"], uri["early"]]) != whole


def test_a_table_that_only_one_side_has_is_different() -> None:
    compared = compare({"curated.a": "1", "curated.b": "2"}, {"curated.b": "2", "curated.c": "3"})
    assert [each.row for each in compared] == [
        ("curated.a", "1", "not there", "DIFFERENT"),
        ("curated.b", "2", "2", "equal"),
        ("curated.c", "not there", "3", "DIFFERENT"),
    ]
