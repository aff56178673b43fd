"""The jobs: what is run together, by hand, by schedule or by sensor.

    ingest             everything that is to come is asked for, or looked for
    accept_<system>    one system's delivered objects into raw and clean, by landing date
    publish            clean into published tables, forecasts and answers

They follow one another only through what is in landing and the ledger. So each can be run at any
time, twice, or after any other, and does what is left to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from product360_assets.core.contract import SourceContract
from product360_assets.core.partitions import landing_dates

if TYPE_CHECKING:
    # Dagster does not export the type of what `define_asset_job` returns.
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

AcceptJob: TypeAlias = "UnresolvedAssetJobDefinition"

INGEST = "ingest"
PUBLISH = "publish"


def accept_name(system: str) -> str:
    """The name of the job that accepts a system's deliveries."""
    return f"accept_{system}"


def ingest_job() -> UnresolvedAssetJobDefinition:
    """Every system's deliveries into landing."""
    return dg.define_asset_job(
        INGEST,
        selection=dg.AssetSelection.groups("ingestion"),
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
        ),
        partitions_def=landing_dates(contract.name),
        description=f"Accept what {contract.name} delivered on the chosen days, and make it clean.",
    )


def publish_job() -> UnresolvedAssetJobDefinition:
    """Everything from curated on."""
    return dg.define_asset_job(
        PUBLISH,
        selection=dg.AssetSelection.groups("curated", "forecast", "serving"),
        description="Take clean batches into published tables, forecast, and answer questions.",
    )
