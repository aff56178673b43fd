"""The jobs: what is run together, by hand, by schedule or by sensor.

    ingest             everything that is to come is asked for, or looked for
    accept_<system>    one system's delivered objects into raw and clean, by landing date
    publish            clean into published tables, forecasts, answers and catalog entries
    watch              whether every source delivers in time, as much and as complete as usual
    validate           databases against what was delivered of them
    reconcile          source against raw against clean, for every day that changed
    audit              all of raw hashed again
    maintain           upkeep of the published tables' files and snapshots

The first three follow one another only through what is in landing and the ledger. So each can be
run at any time, twice, or after any other, and does what is left to do. The others only look, but
for the last, which changes how tables lie on disk and never what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from product360_assets.clean.watch import (
    IS_DELIVERED_IN_TIME,
    NULLS_ARE_USUAL,
    VOLUME_IS_USUAL,
)
from product360_assets.core.checks import (
    EVERYTHING_ACCEPTED_IS_THERE,
    NO_REJECTED_ROW_IS_FORGOTTEN,
    ROWS_ARE_THOSE_OF_THE_SOURCE,
)
from product360_assets.core.contract import SourceContract
from product360_assets.core.keys import clean_key, landing_key, raw_key
from product360_assets.core.partitions import landing_dates

if TYPE_CHECKING:
    # Dagster does not export the type of what `define_asset_job` returns.
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

AcceptJob: TypeAlias = "UnresolvedAssetJobDefinition"

INGEST = "ingest"
# On runs of `ingest`: the one system that is asked, or ALL_SOURCES.
SOURCE_TAG = "product360/source"
ALL_SOURCES = "all"
PUBLISH = "publish"
WATCH = "watch"
VALIDATE = "validate"
RECONCILE = "reconcile"
AUDIT = "audit"
MAINTAIN = "maintain"


def accept_name(system: str) -> str:
    """The name of the job that accepts a system's deliveries."""
    return f"accept_{system}"


def ingest_job(contracts: Sequence[SourceContract] = ()) -> UnresolvedAssetJobDefinition:
    """Every system's deliveries into landing."""
    return dg.define_asset_job(
        INGEST,
        selection=dg.AssetSelection.groups("ingestion") - _validations(contracts),
        tags={SOURCE_TAG: ALL_SOURCES},
        description="Ask every source for what is new; look for what owners dropped.",
    )


def accept_job(contract: SourceContract) -> UnresolvedAssetJobDefinition:
    """One system's landing dates into raw and clean."""
    return dg.define_asset_job(
        accept_name(contract.name),
        selection=dg.AssetSelection.assets(
            *(
                dg.AssetKey([zone, contract.name, table.name])
                for zone in ("raw", "clean")
                for table in contract.tables
            )
        )
        - _audits([contract]),
        partitions_def=landing_dates(contract.name),
        description=f"Accept what {contract.name} delivered on the chosen days, and make it clean.",
    )


def watch_job(contracts: Sequence[SourceContract]) -> UnresolvedAssetJobDefinition:
    """The watch over every source's deliveries; it reads the ledger and no data."""
    return dg.define_asset_job(
        WATCH,
        selection=_checks(
            contracts,
            [
                IS_DELIVERED_IN_TIME,
                VOLUME_IS_USUAL,
                NULLS_ARE_USUAL,
                NO_REJECTED_ROW_IS_FORGOTTEN,
            ],
            clean_key,
        ),
        description="Ask whether every source delivers in time, as much and as complete as usual, "
        "and whether rejected rows have been waiting for too long.",
    )


def validate_job(contracts: Sequence[SourceContract]) -> UnresolvedAssetJobDefinition:
    """The validation of databases; it reads what changed since the last one, on both sides."""
    return dg.define_asset_job(
        VALIDATE,
        selection=_validations(contracts),
        description="Compare every database's tables with what was delivered of them, row by row.",
    )


def reconcile_job() -> UnresolvedAssetJobDefinition:
    """The reconciliation of all zones; it reads the days that changed."""
    return dg.define_asset_job(
        RECONCILE,
        selection=dg.AssetSelection.groups("governance"),
        description="Compare what sources delivered with raw, and raw with clean, file by file; "
        "say how far requests to erase somebody are.",
    )


def audit_job(contracts: Sequence[SourceContract]) -> UnresolvedAssetJobDefinition:
    """The audit of raw; it reads every byte."""
    return dg.define_asset_job(
        AUDIT,
        selection=_audits(contracts),
        description="Hash everything again that was ever accepted, and compare with the ledger.",
    )


def maintain_job() -> UnresolvedAssetJobDefinition:
    """Upkeep of every published table."""
    return dg.define_asset_job(
        MAINTAIN,
        selection=dg.AssetSelection.groups("maintenance"),
        description="Compact small files and manifests, expire old snapshots, remove orphans.",
    )


def _validations(contracts: Sequence[SourceContract]) -> dg.AssetSelection:
    databases = [contract for contract in contracts if contract.kind == "database"]
    return _checks(databases, [ROWS_ARE_THOSE_OF_THE_SOURCE], landing_key)


def _audits(contracts: Sequence[SourceContract]) -> dg.AssetSelection:
    return _checks(contracts, [EVERYTHING_ACCEPTED_IS_THERE], raw_key)


def _checks(
    contracts: Sequence[SourceContract],
    names: Sequence[str],
    key_of: Callable[[str, str], dg.AssetKey],
) -> dg.AssetSelection:
    return dg.AssetSelection.checks(
        *(
            dg.AssetCheckKey(key_of(contract.name, table.name), name)
            for contract in contracts
            for table in contract.tables
            for name in names
        )
    )


def publish_job() -> UnresolvedAssetJobDefinition:
    """Everything from curated on."""
    return dg.define_asset_job(
        PUBLISH,
        selection=dg.AssetSelection.groups("curated", "forecast", "serving", "catalog"),
        description="Take clean batches into published tables, forecast, answer questions, and let "
        "the catalog say where every batch lies.",
    )
