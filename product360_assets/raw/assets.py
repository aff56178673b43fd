"""The raw asset of a source table: what was accepted, by landing date."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import dagster as dg

from product360_assets.core.checks import (
    NOTHING_ACCEPTED_WAS_REWRITTEN,
    OBJECTS_ARE_UNCHANGED,
    advisory_check,
    blocking_check,
    claim,
    warning,
)
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import accepting
from product360_assets.core.keys import landing_key, raw_key
from product360_assets.core.metadata import column_lineage, column_schema
from product360_assets.core.partitions import days_of, landing_dates
from product360_assets.core.references import contract_reference
from product360_assets.core.states import RAW
from product360_assets.ingestion.assets import table_tags
from product360_assets.raw.acceptance import DELIVERED_ROWS, VERSION, Acceptance
from product360_assets.raw.integrity import alterations
from product360_assets.raw.keys import table_prefix
from product360_assets.raw.rewritten import SetAside
from resources.ledger import Batch, LedgerResource, ZoneState
from resources.locks import holding
from resources.objects import LakeResource
from resources.registry import RegistryResource

GROUP = "raw"
_EXAMPLES = 20


def raw_asset(contract: SourceContract, table: TableContract) -> dg.AssetsDefinition:
    """Accept what was delivered on the run's landing dates, and prove that it still is there."""
    key = raw_key(contract.name, table.name)

    @dg.asset(
        key=key,
        deps=[landing_key(contract.name, table.name)],
        description=(
            f"{table.description}\n\nAs delivered, byte for byte: accepted once, hashed, never "
            "written again and never deleted. Each batch has a manifest."
        ),
        group_name=GROUP,
        owners=list(contract.owners),
        tags=table_tags(contract, table),
        kinds={table.format, "objects"},
        partitions_def=landing_dates(contract.name),
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=VERSION,
        metadata={
            "dagster/column_schema": column_schema(table, delivered_names=True),
            **contract_reference(contract, table),
        },
        check_specs=_check_specs(key),
    )
    def raw(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        ledger: LedgerResource,
        registry: RegistryResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        days = days_of(context.partition_keys)
        with (
            explained_failures(),
            holding(
                ledger.open(),
                f"{RAW}.{contract.name}.{table.name}",
                work=f"run {context.run.run_id}",
                log=context.log.info,
            ) as opened,
        ):
            agreed = accepting(registry.open(), contract)
            accepted = Acceptance(
                agreed.contract,
                agreed.table(table.name),
                opened,
                lake.zone("landing"),
                lake.zone("raw"),
                contract_version=agreed.version,
            ).accept(days)
            batches = opened.batches(contract.name, table.name, landing_dates=days)
            altered = alterations(
                batches, ledger=opened, raw=lake.zone("raw"), just_copied=accepted.copied
            )
        states = opened.zone_states(contract.name, table.name, RAW)
        for day, metadata in _by_day(days, batches, states).items():
            context.add_asset_metadata(metadata, partition_key=day)
        return dg.MaterializeResult(
            metadata={
                "objects copied by this run": len(accepted.copied),
                "contract version": agreed.version,
                "dagster/uri": lake.zone("raw").uri_of(table_prefix(contract.name, table.name)),
                "dagster/column_lineage": column_lineage(
                    table, landing_key(contract.name, table.name)
                ),
            },
            check_results=_check_results(key, batches, altered, accepted.set_aside),
        )

    return raw


def _check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        blocking_check(
            OBJECTS_ARE_UNCHANGED,
            key,
            "Raw holds exactly the accepted objects, and each has the size and the SHA-256 that "
            "it had when it was accepted.",
        ),
        advisory_check(
            NOTHING_ACCEPTED_WAS_REWRITTEN,
            key,
            "Landing holds no other bytes under a key that was accepted. What does is set aside, "
            "unchanged, in quarantine; raw keeps what was accepted.",
        ),
    ]


def _check_results(
    key: dg.AssetKey,
    batches: Sequence[Batch],
    altered: Sequence[str],
    set_aside: Sequence[SetAside],
) -> list[dg.AssetCheckResult]:
    objects = sum(len(batch.objects) for batch in batches)
    quarantined = [f"{each.landing_key} → {each.kept_as}" for each in set_aside if each.differs]
    return [
        claim(
            OBJECTS_ARE_UNCHANGED,
            key,
            holds=not altered,
            counted={"objects": objects, "altered": list(altered[:_EXAMPLES])},
        ),
        warning(
            NOTHING_ACCEPTED_WAS_REWRITTEN,
            key,
            holds=not quarantined,
            counted={
                "set aside": quarantined[:_EXAMPLES],
                "written again unchanged": sum(not each.differs for each in set_aside),
            },
        ),
    ]


def _by_day(
    days: Collection[date], batches: Sequence[Batch], states: dict[str, ZoneState]
) -> dict[str, dict[str, Any]]:
    """What each partition's materialization says."""
    said: dict[str, dict[str, Any]] = {}
    for day in days:
        its = [batch for batch in batches if batch.landing_date == day]
        said[day.isoformat()] = {
            "batches": [batch.batch_id for batch in its],
            "objects": sum(len(batch.objects) for batch in its),
            "bytes": sum(landed.size for batch in its for landed in batch.objects),
        }
        rows = [states[batch.batch_id].details.get(DELIVERED_ROWS) for batch in its]
        if its and None not in rows:
            said[day.isoformat()]["rows delivered"] = sum(int(row or 0) for row in rows)
    return said
