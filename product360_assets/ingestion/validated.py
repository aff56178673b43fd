"""What the ledger knows of validations: the last one of a table, and what it covered.

A validation is recorded beside the table's deliveries, under the table's name with `*` before it,
because no table is called so. What failed is a document in the results zone.

The hazard: believing a result for too long. One that found a difference, or an epoch that is over,
covers nothing; and what came later than `UP_TO` was never compared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from resources.ledger import Delivery, Ledger
from resources.objects import ObjectStore
from resources.validation import TableToValidate, TableValidation

# Details of a record; the last two: the epoch, and the last delivery in it that was compared.
STATE, FAILED, SUSPENDED, PENDING = "state", "failed", "suspended", "pending"
EPOCH, UP_TO = "epoch", "up to"

# What a table can be in so that only what came since needs to be compared.
_GOOD: Final = frozenset({"Validated", "Pending records"})


def last_validation(ledger: Ledger, source: str, table: str) -> Delivery | None:
    """The record of the table's last validation; None when it never was."""
    return max(
        ledger.deliveries(source, f"*{table}"), key=lambda found: found.delivery_id, default=None
    )


def uncovered(last: Delivery | None, epoch: str, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """The epoch's deliveries that have to be compared."""
    if last is None or last.details[EPOCH] != epoch or last.details[STATE] not in _GOOD:
        return list(deliveries)
    return [found for found in deliveries if found.delivery_id > last.details[UP_TO]]


def record(
    ledger: Ledger,
    results: ObjectStore,
    source: str,
    table: TableToValidate,
    found: TableValidation,
    *,
    at: datetime,
    up_to: str,
) -> Delivery:
    """Record a validation, and keep its failures."""
    number = 1 + len(ledger.deliveries(source, f"*{found.table}"))
    key = f"validation/{source}/{found.table}/{number:08d}.json" if found.failures else ""
    if found.failures:
        lines = [json.dumps(dict(failure), ensure_ascii=False) for failure in found.failures]
        results.put(key, ("\n".join(lines) + "\n").encode())
    done = Delivery(
        source=source,
        table=f"*{found.table}",
        delivery_id=f"{number:08d}",
        landing_date=at.date(),
        prefix=key,
        status="successful",
        started_at=at,
        finished_at=at,
        rows=found.compared,
        bytes=0,
        details={
            STATE: found.state,
            FAILED: str(found.failed),
            SUSPENDED: str(found.suspended),
            PENDING: str(found.pending),
            EPOCH: table.captured.epoch,
            UP_TO: up_to,
        },
    )
    ledger.record_delivery(done)
    return done
