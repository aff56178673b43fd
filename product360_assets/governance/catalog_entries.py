"""The catalog entries asset: raw, clean and quarantine as tables that anybody may ask with SQL.

One materialization over all tables of all sources. It asks the ledger what stands, and the catalog
what it holds; where both say the same, nothing is written and no partition is looked at. A table
that nobody declares any more keeps its entry, because its files are still there: it is named, for
whoever decides about both.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import hashlib
from collections.abc import Sequence
from typing import Any

import dagster as dg

from product360_assets.core.contract import SourceContract
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import all_in_force
from product360_assets.core.keys import catalog_key, clean_key, raw_key
from product360_assets.core.metadata import preview
from product360_assets.curated.presentation import FOLLOWS_UPSTREAM
from product360_assets.governance.described import refuse_shared_names
from product360_assets.governance.registration import Entry, Registration
from resources.external_tables import ExternalTablesResource
from resources.ledger import LedgerResource
from resources.locks import holding
from resources.objects import LakeResource
from resources.registry import RegistryResource

GROUP = "catalog"
LOCK = "catalog.entries"
COLUMNS = (
    "entry", "format", "columns", "partitions", "outcome", "added", "moved", "described", "removed",
    "left out",
)  # fmt: skip
_LONGEST = 200


class EntriesConfig(dg.Config):
    """What a run may ask of the entries.

    Attributes:
        everything: look at every partition that stands, and not only where the ledger has moved
            on; it finds what somebody else has changed in the catalog.
    """

    everything: bool = False


def catalog_entries_asset(contracts: Sequence[SourceContract]) -> dg.AssetsDefinition:
    """Describe every table of these systems in raw, clean and quarantine."""
    key = catalog_key()

    @dg.asset(
        key=key,
        deps=[
            key_of(contract.name, table.name)
            for contract in contracts
            for table in contract.tables
            for key_of in (raw_key, clean_key)
        ],
        description=(
            "The files of raw, clean and quarantine as tables of the catalog: columns with their "
            "meaning, owner and freshness from the contract in force, and one partition for each "
            "batch, in its own folder. A batch that is made again elsewhere takes its partition "
            "along."
        ),
        group_name=GROUP,
        owners=["team:data-platform"],
        kinds={"glue"},
        automation_condition=FOLLOWS_UPSTREAM,
    )
    def catalog_entries(
        context: dg.AssetExecutionContext,
        config: EntriesConfig,
        ledger: LedgerResource,
        lake: LakeResource,
        registry: RegistryResource,
        entries: ExternalTablesResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with (
            explained_failures(),
            # Of two that registered at once, the one that knew less could be the last to write.
            holding(
                ledger.open(), LOCK, work=f"run {context.run.run_id}", log=context.log.info
            ) as opened,
        ):
            published = registry.open()
            declared = {contract.name: contract for contract in contracts}
            refuse_shared_names(all_in_force(published, declared).values())
            work = Registration(opened, lake, published, entries.open(), config.everything)
            done = [entry for contract in contracts for entry in work.register(contract)]
            left = sorted(work.standing.keys() - {each.table.identifier for each in done})
        for entry in done:
            if entry.registered.changed:
                context.log.info(f"{entry.table.identifier}: {entry.registered}")
        if left:
            context.log.warning(f"No source declares {', '.join(left)}; these entries stay.")
        return dg.MaterializeResult(
            metadata=_said(done, left), data_version=dg.DataVersion(_version(done))
        )

    return catalog_entries


def _said(done: Sequence[Entry], left: Sequence[str]) -> dict[str, Any]:
    changed = [entry for entry in done if entry.registered.changed]
    said: dict[str, Any] = {
        "outcome": f"{len(changed)} entries changed" if changed else "unchanged",
        "entries": len(done),
        "partitions": sum(entry.partitions for entry in done),
        "added": sum(entry.registered.added for entry in done),
        "moved": sum(entry.registered.moved for entry in done),
        "removed": sum(entry.registered.removed for entry in done),
        "tables": preview(map(_line, done), columns=COLUMNS, longest=_LONGEST),
    }
    if left:
        said["declared by no source"] = ", ".join(left)
    return said


def _line(entry: Entry) -> dict[str, Any]:
    table, what = entry.table, entry.registered
    facts = (
        table.identifier,
        table.format,
        len(table.columns),
        entry.partitions,
        what.outcome,
        what.added,
        what.moved,
        what.described,
        what.removed,
        entry.left_out,
    )
    return dict(zip(COLUMNS, facts, strict=True))


def _version(done: Sequence[Entry]) -> str:
    lines = "\n".join(f"{each.table.identifier} {each.digest}" for each in done)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
