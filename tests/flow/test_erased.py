"""Somebody is erased from the demo: no file, state or rebuild has them, and no cent is lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lineage import Lineage

pytestmark = [pytest.mark.flow, pytest.mark.long, pytest.mark.timeout(1_800)]

SOMEBODY = """
    SELECT CAST(household_id AS INT) AS household FROM customer JOIN sales_line USING (household_id)
    WHERE has_demographics GROUP BY 1 ORDER BY count(*) DESC LIMIT 1
"""
SOLD = "SELECT count(*) AS lines, CAST(sum(sales_value) AS VARCHAR) AS value FROM sales_line"


def files_with(home: Path, household: int) -> list[str]:
    """Parquet files that are made from raw and hold the household, by a reader of this test's own.

    Rejected records are text, and its key is a number that may mean something else there.
    """
    found = []
    for zone in ("clean", "curated", "forecast"):
        for path in sorted((home / "lake" / zone).rglob("*.parquet")):
            file = pq.ParquetFile(path)
            if "household_id" in file.schema_arrow.names:
                keys = file.read(columns=["household_id"])["household_id"].to_pylist()
                found += [str(path.relative_to(home))] * (str(household) in map(str, keys))
    return found


def test_who_is_erased_is_in_no_file_state_or_rebuild_and_no_cent_is_lost(fresh: Lineage) -> None:
    fresh.demo()
    household = fresh.query(SOMEBODY)[0]["household"]
    sold = fresh.query(SOLD)
    assert fresh.command("tag", "before").returncode == 0
    assert files_with(fresh.home, household)

    erased = fresh.command("erase", "customer", str(household), "--apply", "--format", "json")

    assert erased.returncode == 0, f"{erased.stdout[-3000:]}\n{erased.stderr[-3000:]}"
    proof = json.loads(erased.stdout)
    assert proof["found afterwards"] == []
    assert proof["tags and branches ended"]["curated.customer"] == ["before"]
    assert files_with(fresh.home, household) == []
    assert fresh.query(SOLD) == sold
    for earlier in (
        ["rollback", "customer", "--to", "before", "--apply"],
        ["query", "SELECT count(*) FROM customer", "--as-of", "before"],
    ):
        refused = fresh.command(*earlier)
        assert refused.returncode == 1
        assert "before" in refused.stderr
        assert "product360 erase" in refused.stderr

    verified = fresh.command("rebuild", "--verify", "--keep", "--format", "csv")
    assert verified.returncode == 0, f"{verified.stdout}\n{verified.stderr[-3000:]}"
    outcomes = {row["outcome"] for row in csv.DictReader(verified.stdout.splitlines())}
    assert outcomes == {"equal"}
    [rebuilt] = (fresh.home / "rebuilt").iterdir()
    assert files_with(rebuilt, household) == []
