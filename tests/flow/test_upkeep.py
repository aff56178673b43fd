"""Upkeep of all that the demo published: every table as it was, and nothing to publish after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from lineage import Lineage

from product360_assets.governance.upkeep import ACTIONS, Keeper, Step
from resources.maintenance import MaintenanceResource

pytestmark = [pytest.mark.flow, pytest.mark.long, pytest.mark.timeout(1_200)]

A_MONTH = timedelta(days=30)


def kept_whole(lineage: Lineage) -> list[Step]:
    """Keep every table as in a month, from two small files on: the demo has few of them."""
    parts = lineage.resources()
    ledger, catalog = parts["ledger"].open(), parts["catalog"]
    limits, then = MaintenanceResource(kept_snapshots=1), datetime.now(UTC) + A_MONTH
    keeper = Keeper(ledger, catalog, parts["lake"], limits, print, then)
    with (
        patch("resources.compaction.ENOUGH_FILES", 2),
        patch("resources.compaction.ENOUGH_MANIFESTS", 2),
    ):
        return list(keeper.apply(catalog.identifiers(), work="a test"))


def test_after_upkeep_every_table_is_equal_and_nothing_is_new(fresh: Lineage) -> None:
    fresh.demo()
    digests = fresh.digests()
    steps = kept_whole(fresh)
    assert {step.outcome for step in steps} == {"done"}
    assert {step.action for step in steps} == set(ACTIONS)
    assert {"curated.sales_line", "curated.product_360"} <= {step.table for step in steps}
    assert fresh.digests() == digests

    snapshots = fresh.snapshots()
    assert "Nothing was new" in fresh.demo()
    assert fresh.snapshots() == snapshots
    verified = fresh.command("rebuild", "--verify")
    assert verified.returncode == 0, f"{verified.stdout}\n{verified.stderr[-3000:]}"
