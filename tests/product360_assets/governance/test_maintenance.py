"""Upkeep in Dagster: four assets that keep every table, or say who does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from kept import NAME, Kept

from product360_assets.governance.maintenance import _said, maintenance_assets
from product360_assets.governance.upkeep import DONE, Step
from resources.local.ledger import SqliteLedgerResource
from resources.locks import holding
from resources.maintenance import MaintenanceResource

IDLE = ["nothing to do"] * 4


def outcomes(kept: Kept, limits: MaintenanceResource | None = None) -> list[str]:
    resources: dict[str, Any] = {
        "ledger": SqliteLedgerResource(path=str(kept.home / "ledger.db")),
        "catalog": kept.keeper.catalog,
        "lake": kept.keeper.lake,
        "maintenance": limits or MaintenanceResource(),
    }
    result = dg.materialize(maintenance_assets(), resources=resources)
    events = result.get_asset_materialization_events()
    return [str(event.materialization.metadata["outcome"].value) for event in events]


def test_assets_keep_every_table_and_leave_it_where_glue_does(tmp_path: Path) -> None:
    kept = Kept.below(tmp_path)
    kept.commits(9)
    assert outcomes(kept, MaintenanceResource(keeper="glue", optimizer_role="role")) == IDLE
    assert len(kept.files()) == 18
    assert outcomes(kept) == ["1 tables", *["nothing to do"] * 3]
    assert len(kept.files()) == 2
    assert outcomes(kept) == IDLE


def test_a_table_that_was_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept.below(tmp_path)
    kept.commits(9)
    monkeypatch.setattr("product360_assets.governance.upkeep.PATIENCE_SECONDS", 0.0)
    with holding(kept.keeper.ledger, NAME, work="a publisher", log=print):
        assert outcomes(kept) == ["1 left for the next time"] * 4


def test_a_table_with_two_steps_counts_once() -> None:
    steps = [Step(NAME, "compaction", found, 0, outcome=DONE) for found in ("on", "18 files")]
    assert _said(steps)["outcome"] == "1 tables"
