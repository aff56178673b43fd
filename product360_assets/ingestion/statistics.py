"""Table statistics, by the names under which AWS DMS reports them (DescribeTableStatistics).

They are counted from the ledger, which keeps what each execution reported, so they can be read at
any time and outlive every run. Counts of changes are those since the table's last load.

The hazard: two numbers for one thing. What is written to a file is applied, so `Applied…` is what
was delivered; a file has no rows that were read and refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import dagster as dg

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.ingestion.arrivals import EPOCH
from product360_assets.ingestion.changes import CAPTURE
from product360_assets.ingestion.databases import source_table
from product360_assets.ingestion.validated import (
    FAILED,
    PENDING,
    STATE,
    SUSPENDED,
    last_validation,
    uncovered,
)
from resources.ledger import Delivery, Ledger

Statistics: TypeAlias = dict[str, str | int | bool | None]

_COUNTED = {"Inserts": "inserts", "Deletes": "deletes", "Updates": "updates", "Ddls": "ddls"}


def table_statistics(
    contract: SourceContract, table: TableContract, *, ledger: Ledger
) -> Statistics:
    """The statistics of a database's table; times are the source's, in UTC."""
    known = source_table(table)
    deliveries = ledger.deliveries(contract.name, table.name)
    loads = [found for found in deliveries if EPOCH not in found.details]
    ended = [found for found in loads if found.status == "successful"]
    load = max(ended, key=lambda found: found.delivery_id, default=None)
    epoch = [] if load is None else _of_epoch(deliveries, load)
    counts: Mapping[str, int] = {
        name: sum(int(found.details.get(detail, 0)) for found in epoch)
        for name, detail in _COUNTED.items()
    }
    return {
        "SchemaName": known.schema,
        "TableName": known.table,
        **counts,
        **{f"Applied{name}": count for name, count in counts.items()},
        "FullLoadRows": 0 if load is None else load.rows,
        "FullLoadStartTime": None if load is None else load.started_at.isoformat(),
        "FullLoadEndTime": _ended(load),
        "FullLoadReloaded": len(ended) > 1,
        "LastUpdateTime": _ended(max(epoch, key=lambda found: found.delivery_id, default=None)),
        "TableState": _table_state(loads),
        **_validation(contract, table, load, epoch, ledger),
    }


def shown(statistics: Statistics) -> dg.TableMetadataValue:
    """The statistics as a table of two columns."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"statistic": name, "value": "" if value is None else str(value)})
            for name, value in statistics.items()
        ]
    )


def _of_epoch(deliveries: Sequence[Delivery], load: Delivery) -> list[Delivery]:
    return [
        found
        for found in deliveries
        if found.status == "successful"
        and load.delivery_id == found.details.get(EPOCH, found.delivery_id)
    ]


def _ended(delivery: Delivery | None) -> str | None:
    if delivery is None or delivery.finished_at is None:
        return None
    return delivery.finished_at.isoformat()


def _table_state(loads: Sequence[Delivery]) -> str:
    if not loads:
        return "Before load"
    is_loaded = any(load.status == "successful" for load in loads)
    last = max(loads, key=lambda load: load.delivery_id)
    if last.status == "running":
        return "Table is being reloaded" if is_loaded else "Full load"
    return "Table completed" if is_loaded else "Table error"


def _validation(
    contract: SourceContract,
    table: TableContract,
    load: Delivery | None,
    epoch: Sequence[Delivery],
    ledger: Ledger,
) -> Statistics:
    """What the last validation said, and what came after it."""
    last = last_validation(ledger, contract.name, table.name)
    if load is None or last is None or last.details["epoch"] != load.delivery_id:
        is_followed = load is None or CAPTURE in load.details
        state = "Pending validation" if is_followed else "Not enabled"
        counted = (sum(found.rows for found in epoch) if is_followed else 0, 0, 0)
    else:
        state = last.details[STATE]
        later = uncovered(last, load.delivery_id, epoch)
        later = later if state in ("Validated", "Pending records") else []
        state = "Pending records" if later else state
        waiting = sum(found.rows for found in later)
        # What was pending then came with what was delivered since.
        pending = waiting or int(last.details[PENDING])
        counted = (pending, int(last.details[FAILED]), int(last.details[SUSPENDED]))
    return {
        "ValidationState": state,
        "ValidationPendingRecords": counted[0],
        "ValidationFailedRecords": counted[1],
        "ValidationSuspendedRecords": counted[2],
    }
