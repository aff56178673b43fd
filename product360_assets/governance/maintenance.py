"""Upkeep as assets: one for each kind, over all published tables, in the order of `upkeep`.

They share the publishers' pool, so that upkeep never runs beside a publication of this instance.
The hazard is doing it twice: where the Glue Data Catalog keeps the tables, all that these do is to
see that its optimizers are on.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import dagster as dg

from product360_assets.core.failures import explained_failures
from product360_assets.core.keys import maintenance_key, published_key
from product360_assets.core.metadata import preview
from product360_assets.curated.steps import PUBLISHERS
from product360_assets.governance.upkeep import ACTIONS, DONE, LEFT, STEP_COLUMNS, Keeper, Step
from resources.catalog import CatalogResource
from resources.ledger import LedgerResource
from resources.maintenance import MaintenanceResource
from resources.objects import LakeResource
from spark.tables import TABLES

GROUP = "maintenance"
_DOES = {
    "compaction": "Makes few files of many small ones, partition by partition, where enough have "
    "gathered or enough of their rows were deleted. What was written is compared with what it "
    "replaces, row by row, before its one commit.",
    "manifests": "Merges small manifests, so that planning a query stays cheap after many commits. "
    "The table names the same files before and after.",
    "snapshots": "Lets go of states that nobody can need any more. Tags, branches, the newest "
    "states and those that a reader may still hold stay.",
    "orphans": "Removes files that no state of a table names. They must be older than the longest "
    "write and than everything that is under way.",
}


def maintenance_assets() -> list[dg.AssetsDefinition]:
    """One asset for each kind of upkeep, each after the one whose leavings it finds."""
    published = [published_key(identifier) for identifier in TABLES]
    before = {later: [maintenance_key(earlier)] for earlier, later in pairwise(ACTIONS)}
    return [_asset(action, before.get(action, published)) for action in ACTIONS]


def _asset(action: str, deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=maintenance_key(action),
        deps=deps,
        description=_DOES[action],
        group_name=GROUP,
        owners=["team:data-platform"],
        kinds={"iceberg"},
        pool=PUBLISHERS,
    )
    def keep(
        context: dg.AssetExecutionContext,
        ledger: LedgerResource,
        catalog: CatalogResource,
        lake: LakeResource,
        maintenance: MaintenanceResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with explained_failures():
            keeper = Keeper(
                ledger.open(), catalog, lake, maintenance, context.log.info, datetime.now(UTC)
            )
            work = f"run {context.run.run_id}"
            steps = list(keeper.apply(catalog.identifiers(), [action], work=work))
        return dg.MaterializeResult(metadata={"keeper": maintenance.keeper, **_said(steps)})

    return keep


def _said(steps: Sequence[Step]) -> dict[str, Any]:
    done = [step for step in steps if step.outcome == DONE]
    kept, left = {step.table for step in done}, {s.table for s in steps if s.outcome == LEFT}
    outcomes = ((kept, f"{len(kept)} tables"), (left, f"{len(left)} left for the next time"))
    said: dict[str, Any] = {
        "outcome": ", ".join(text for tables, text in outcomes if tables) or "nothing to do",
        "files": sum(step.files for step in done),
        "bytes": sum(step.bytes or 0 for step in done),
    }
    if steps:
        rows = [dict(zip(STEP_COLUMNS, step.row, strict=True)) for step in steps]
        said["steps"] = preview(rows, columns=STEP_COLUMNS, longest=100)
    return said
