"""Everything behind raw comes out of raw again, row by row; what does not is told."""

from __future__ import annotations

import csv

import pytest
from lineage import Lineage

pytestmark = [pytest.mark.flow, pytest.mark.long, pytest.mark.timeout(1_800)]


def test_a_rebuild_beside_is_equal_and_finds_a_row_that_was_lost(fresh: Lineage) -> None:
    fresh.demo()
    digests = fresh.digests()
    verified = fresh.command("rebuild", "--verify", "--format", "csv")
    assert verified.returncode == 0, f"{verified.stdout}\n{verified.stderr[-3000:]}"
    compared = {
        row["table"]: row["outcome"] for row in csv.DictReader(verified.stdout.splitlines())
    }
    assert set(compared.values()) == {"equal"}
    published = {name for name in digests if name.startswith("curated.")}
    assert {name for name in compared if name.startswith("curated.")} == {
        name for name in published if not name.endswith("_tombstone")
    }
    assert any(name.startswith("clean.") for name in compared)
    assert fresh.digests() == digests
    assert list((fresh.home / "rebuilt").iterdir()) == []

    product = fresh.resources()["catalog"].table("curated.product")
    rows = product.scan(selected_fields=("product_id",), limit=1).to_arrow()
    product.delete(f"product_id = {rows['product_id'][0]}")
    failed = fresh.command("rebuild", "--verify", "--format", "csv")
    assert failed.returncode == 1
    different = [
        row["table"]
        for row in csv.DictReader(failed.stdout.splitlines())
        if row["outcome"] == "DIFFERENT"
    ]
    assert different == ["curated.product"]
