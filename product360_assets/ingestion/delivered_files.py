"""The files that were delivered of a table, from where they are kept best: raw, else landing.

The hazard: a file that is gone leaves no trace in a listing. So what is there is counted against
what the execution said that it wrote, and what was accepted against what raw holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from resources.errors import ObjectMissing
from resources.ledger import Delivery, Ledger
from resources.objects import ObjectStore
from resources.validation import DeliveredFile


@dataclass
class DeliveredFiles:
    """Files, and what is known to have been delivered and is gone, in words."""

    files: list[DeliveredFile] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def delivered_files(
    deliveries: Iterable[Delivery], *, ledger: Ledger, landing: ObjectStore, raw: ObjectStore
) -> DeliveredFiles:
    """All files of these deliveries, which are of one table."""
    found = DeliveredFiles()
    chosen = list(deliveries)
    raw_keys = _accepted(chosen, ledger)
    for delivery in chosen:
        keys = {info.key for info in landing.list(delivery.prefix)}
        keys |= {key for key in raw_keys if key.startswith(delivery.prefix)}
        there = 0
        for key in sorted(keys):
            there += _add(found, key, raw_keys.get(key), landing=landing, raw=raw)
        written = int(delivery.details["files"])
        if there < written:
            found.missing.append(f"{delivery.prefix} has {there} of {written} files")
    return found


def _accepted(deliveries: list[Delivery], ledger: Ledger) -> dict[str, str]:
    """Landing key → raw key, of what was accepted on the days of these deliveries."""
    if not deliveries:
        return {}
    days = {delivery.landing_date for delivery in deliveries}
    batches = ledger.batches(deliveries[0].source, deliveries[0].table, landing_dates=days)
    return {
        accepted.landed.key: accepted.raw_key
        for batch in batches
        for accepted in ledger.accepted_objects(batch.batch_id)
    }


def _add(
    found: DeliveredFiles,
    key: str,
    raw_key: str | None,
    *,
    landing: ObjectStore,
    raw: ObjectStore,
) -> int:
    """Add a file from where it is; how many were found, none or one."""
    if raw_key is not None:
        if _holds(raw, raw_key):
            found.files.append(DeliveredFile(raw, raw_key))
            return 1
        found.missing.append(f"{raw.bucket}/{raw_key} was accepted and is gone")
    if _holds(landing, key):
        found.files.append(DeliveredFile(landing, key))
        return 1
    return 0


def _holds(store: ObjectStore, key: str) -> bool:
    try:
        store.head(key)
    except ObjectMissing:
        return False
    return True
