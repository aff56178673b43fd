"""What a landing asset's materialization says, and the landing dates that it registers.

The data version is a hash over the delivered objects: nothing new delivered, the same version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from product360_assets.core.checks import FIELDS_ARE_AS_BEFORE, advisory_check, warning
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.keys import landing_key, source_key
from product360_assets.core.metadata import column_lineage
from product360_assets.core.partitions import register_landing_dates
from product360_assets.ingestion.arrivals import Arrivals, arrivals, successful_deliveries
from product360_assets.ingestion.executions import WATERMARK, WINDOW_START, pulls
from product360_assets.ingestion.fields import unexplained
from product360_assets.ingestion.services import FIELD_CHANGES, last_fields
from product360_assets.ingestion.statistics import shown, table_statistics
from resources.ledger import Delivery, Ledger
from resources.objects import LakeResource

_KEYS_SHOWN = 20


def arrived(
    context: dg.AssetExecutionContext,
    contract: SourceContract,
    table: TableContract,
    *,
    ledger: Ledger,
    lake: LakeResource,
    check_results: Sequence[dg.AssetCheckResult] = (),
    read: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult[None]:
    """Register the table's landing dates and say what landing holds of it.

    `read` are the figures of a stream that was read for it.
    """
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
            **_replicated(ledger, contract, table),
            **(read or {}),
            "new landing dates": len(new),
            "dagster/column_lineage": column_lineage(table, source_key(contract.name, table.name)),
        },
        data_version=dg.DataVersion(_version(found)),
        check_results=check_results,
    )


def field_checks(contract: SourceContract) -> list[dg.AssetCheckSpec]:
    """What the records of a service are watched for when they arrive; other kinds: nothing."""
    if contract.kind != "saas":
        return []
    return [
        advisory_check(
            FIELDS_ARE_AS_BEFORE,
            landing_key(contract.name, table.name),
            "Since the last pull of everything no field appeared that the contract does not "
            "declare, and no declared one vanished or changed its type. A reload begins anew.",
        )
        for table in contract.tables
    ]


def field_results(
    context: dg.AssetExecutionContext,
    contract: SourceContract,
    table: TableContract,
    *,
    ledger: Ledger,
) -> list[dg.AssetCheckResult]:
    """The results of a table's field checks, as far as this run asks for them."""
    key = landing_key(contract.name, table.name)
    if dg.AssetCheckKey(key, FIELDS_ARE_AS_BEFORE) not in context.selected_asset_check_keys:
        return []
    history = last_fields(ledger.deliveries(contract.name, table.name))
    changes = unexplained(history, {column.delivered_name for column in table.columns})
    return [
        warning(
            FIELDS_ARE_AS_BEFORE,
            key,
            holds=not changes,
            counted={
                "fields": len(history.fields) if history else 0,
                "changes": [str(change) for change in changes],
            },
        )
    ]


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
    if pulled := pulls(executions):
        said |= _last_pull(pulled[-1])
    return said


def _replicated(ledger: Ledger, contract: SourceContract, table: TableContract) -> dict[str, Any]:
    """The table's statistics, where it is replicated from a database."""
    if contract.kind != "database":
        return {}
    return {"table statistics": shown(table_statistics(contract, table, ledger=ledger))}


def _last_pull(last: Delivery) -> dict[str, Any]:
    """What the last pull of a service's changes says; databases have none."""
    shown = (WINDOW_START, WATERMARK, FIELD_CHANGES, "requests", "waits")
    return {name: last.details[name] for name in shown if last.details.get(name)}


def _version(found: Arrivals) -> str:
    digest = hashlib.sha256()
    for arrival in found.by_day:
        for landed in arrival.objects:
            digest.update(f"{landed.key}\n{landed.version}\n".encode())
    return digest.hexdigest()[:16]
