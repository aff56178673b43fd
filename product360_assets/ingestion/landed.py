"""What a landing asset's materialization says, and the landing dates that it registers.

The data version is a hash over the delivered objects: nothing new delivered, the same version.
"""

from __future__ import annotations

import hashlib
from typing import Any

import dagster as dg

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.keys import landing_key, source_key
from product360_assets.core.metadata import column_lineage
from product360_assets.core.partitions import register_landing_dates
from product360_assets.ingestion.arrivals import Arrivals, arrivals, successful_deliveries
from product360_assets.ingestion.services import WATERMARK
from resources.ledger import Ledger
from resources.objects import LakeResource

_KEYS_SHOWN = 20


def arrived(
    context: dg.AssetExecutionContext,
    contract: SourceContract,
    table: TableContract,
    *,
    ledger: Ledger,
    lake: LakeResource,
) -> dg.MaterializeResult[None]:
    """Register the table's landing dates and say what landing holds of it."""
    found = arrivals(contract, table, ledger=ledger, landing=lake.zone("landing"))
    new = register_landing_dates(context.instance, contract.name, found.landing_dates)
    if new:
        context.log.info(f"{table.name}: {len(new)} new landing dates, {new[0]} to {new[-1]}")
    if found.undated:
        context.log.warning(f"{table.name}: {len(found.undated)} keys name no day")
    return dg.MaterializeResult(
        asset_key=landing_key(contract.name, table.name),
        metadata={
            **_counts(found),
            **_last_execution(ledger, contract, table),
            "new landing dates": len(new),
            "dagster/column_lineage": column_lineage(table, source_key(contract.name, table.name)),
        },
        data_version=dg.DataVersion(_version(found)),
    )


def _counts(found: Arrivals) -> dict[str, Any]:
    objects = [landed for arrival in found.by_day for landed in arrival.objects]
    days = sorted(found.landing_dates)
    counts: dict[str, Any] = {
        "objects": len(objects),
        "bytes": sum(landed.size for landed in objects),
        "landing dates": len(days),
    }
    if days:
        counts["first landing date"] = days[0].isoformat()
        counts["last landing date"] = days[-1].isoformat()
    if found.undated:
        counts["keys without a day"] = list(found.undated[:_KEYS_SHOWN])
    return counts


def _last_execution(
    ledger: Ledger, contract: SourceContract, table: TableContract
) -> dict[str, Any]:
    executions = successful_deliveries(ledger, contract.name, table.name)
    if not executions:
        return {}
    last = executions[-1]
    said: dict[str, Any] = {
        "rows delivered": sum(execution.rows for execution in executions),
        "executions": len(executions),
        "last execution": last.delivery_id,
    }
    if WATERMARK in last.details:
        said["watermark"] = last.details[WATERMARK]
    return said


def _version(found: Arrivals) -> str:
    digest = hashlib.sha256()
    for arrival in found.by_day:
        for landed in arrival.objects:
            digest.update(f"{landed.key}\n{landed.version}\n".encode())
    return digest.hexdigest()[:16]
