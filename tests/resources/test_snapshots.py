"""A table is read as it was at a moment, or as a tag says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept import NAME, Kept

from product360_assets.governance.tagging import tag_tables
from resources.errors import LedgerConflict, TableMissing
from resources.local.warehouse import LocalWarehouse

COUNT = f"SELECT count(*) AS n FROM {NAME}"


def test_a_tag_or_a_moment_chooses_the_state_that_is_read(tmp_path: Path) -> None:
    kept = Kept.below(tmp_path)
    catalog, warehouse = kept.keeper.catalog, LocalWarehouse(catalog=kept.keeper.catalog)
    before = datetime.now(UTC) - timedelta(days=1)
    kept.commits(1)
    assert [row[0] for row in tag_tables(catalog, kept.keeper.ledger, "v1", print)] == [NAME]
    then = datetime.now(UTC)
    kept.commits(9)
    assert warehouse.query(COUNT, as_of=then).single() == {"n": 4}
    kept.keep(after=timedelta(days=30))

    assert warehouse.query(COUNT).single() == {"n": 40}
    assert warehouse.query(COUNT, as_of="v1").single() == {"n": 4}
    with pytest.raises(TableMissing, match="no state as of"):  # the states after it have expired
        warehouse.query(COUNT, as_of=then)
    with pytest.raises(TableMissing, match="no tag v2"):
        warehouse.query(COUNT, as_of="v2")
    with pytest.raises(TableMissing, match="no state as of"):
        warehouse.query(COUNT, as_of=before)
    with pytest.raises(LedgerConflict, match="never moved"):
        tag_tables(catalog, kept.keeper.ledger, "v1", print)


def test_a_branch_is_no_state_to_read(tmp_path: Path) -> None:
    kept = Kept.below(tmp_path)
    kept.commits(1)
    [snapshot] = kept.table().metadata.snapshots
    kept.table().manage_snapshots().create_branch(snapshot.snapshot_id, "audit-1").commit()
    warehouse = LocalWarehouse(catalog=kept.keeper.catalog)
    for branch in ("audit-1", "main"):
        with pytest.raises(TableMissing, match=f"found a branch {branch}, which moves on"):
            warehouse.query(COUNT, as_of=branch)
