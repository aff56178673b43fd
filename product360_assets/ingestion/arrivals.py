"""What landing holds that counts as delivered, and on which day it was delivered.

A database or a service delivers by executions: only objects below the prefix of an execution that
was recorded as successful count, and the record says the day. Files and streams deliver by putting
objects: every object below the table's prefix counts, and its key says the day. Events may announce
objects, but only this listing is believed.

The hazard: a key without a day belongs to no partition. Such objects are never accepted; they are
returned apart, so that somebody hears of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from product360_assets.core.contract import SourceContract, SourceKind, TableContract
from product360_assets.core.stream import STREAM
from product360_assets.ingestion.corrections import CORRECTION, corrected
from resources.ledger import Batch, BatchKind, Delivery, LandedObject, Ledger
from resources.objects import ObjectStore

# 2017-05-01, 2017/05/01 and day=2017-05-01, as folders of a key.
_DAY = re.compile(r"(?:^|[/=])(\d{4})[-/](\d{2})[-/](\d{2})(?=/)")

# In the details of a delivery of changes: the load that they follow.
EPOCH = "epoch"

_BATCH_KINDS: dict[SourceKind, BatchKind] = {
    "database": "load",
    "saas": "pull",
    "files": "file",
    "stream": "stream",
}


@dataclass(frozen=True)
class Arrival:
    """Objects of one table that were delivered on one day, by one execution where there are any."""

    landing_date: date
    kind: BatchKind
    epoch: str
    objects: tuple[LandedObject, ...]


@dataclass(frozen=True)
class Arrivals:
    """Everything that counts as delivered of one table, and the keys that name no day."""

    by_day: tuple[Arrival, ...]
    undated: tuple[str, ...]

    @property
    def landing_dates(self) -> set[date]:
        """The days on which something was delivered."""
        return {arrival.landing_date for arrival in self.by_day}


def arrivals(
    contract: SourceContract, table: TableContract, *, ledger: Ledger, landing: ObjectStore
) -> Arrivals:
    """Everything that counts as delivered of a table, by landing date."""
    if contract.kind in ("database", "saas"):
        found = _executed(contract, table, ledger=ledger, landing=landing)
    else:
        found = _dropped(contract, table, landing=landing)
    # A correction's rows say themselves which epoch they belong to.
    corrections = (
        Arrival(day, CORRECTION, "0", objects)
        for day, objects in corrected(contract.name, table.name, ledger=ledger, landing=landing)
    )
    return Arrivals((*found.by_day, *corrections), found.undated)


def landing_day(key: str) -> date | None:
    """The day that a landing key names in its folders; None when it names none that exists."""
    if (found := _DAY.search(key)) is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def successful_deliveries(ledger: Ledger, source: str, table: str) -> list[Delivery]:
    """The executions that came to their end, by start."""
    return [found for found in ledger.deliveries(source, table) if found.status == "successful"]


def delivered_rows(batch: Batch, ledger: Ledger) -> int | None:
    """How many rows the batch's executions say that they delivered; None when nobody says."""
    deliveries = successful_deliveries(ledger, batch.source, batch.table)
    size = sum(landed.size for landed in batch.objects)
    for delivery in deliveries:
        within = all(landed.key.startswith(delivery.prefix) for landed in batch.objects)
        # A batch of some of its objects would hold some of its rows.
        if within and size == delivery.bytes:
            return delivery.rows
    # A stream that is read directly delivers each file by itself.
    by_file = {(delivery.prefix, delivery.bytes): delivery.rows for delivery in deliveries}
    rows = [by_file.get((landed.key, landed.size)) for landed in batch.objects]
    return None if None in rows else sum(filter(None, rows))


def delivery_ids(contract: SourceContract, ledger: Ledger) -> list[str]:
    """The ids of all loads and deliveries of changes of a database.

    Of all tables together, because an id names one folder for all of them.
    """
    return [
        delivery.delivery_id
        for name in (STREAM, *(table.name for table in contract.tables))
        for delivery in ledger.deliveries(contract.name, name)
    ]


def execution_id(
    started_at: datetime, earlier: Iterable[str], *, landing: ObjectStore, folder: str
) -> str:
    """An id that sorts by time and names an empty folder: `20180101T080000Z-0001`.

    The number makes it unique when the source's clock stands still, as a simulated one may. A clock
    that was set back counts as standing still, because ids order epochs. Landing is asked too,
    because objects outlive a ledger that was lost.

    Args:
        started_at: the source's time at which the execution begins.
        earlier: ids that the ledger knows.
        landing: where the execution will write.
        folder: the folder there that executions are folders of.
    """
    known = set(earlier)
    number = len(known) + 1
    time = f"{started_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    time = max([time, *(each[: len(time)] for each in known)])
    while True:
        found = f"{time}-{number:04d}"
        if next(landing.list(f"{folder}/{found}/"), None) is None:
            return found
        number += 1


def _executed(
    contract: SourceContract, table: TableContract, *, ledger: Ledger, landing: ObjectStore
) -> Arrivals:
    found = []
    for delivery in successful_deliveries(ledger, contract.name, table.name):
        # An execution without rows leaves no objects; then nothing arrived.
        if objects := _landed(landing, delivery.prefix):
            found.append(
                Arrival(
                    landing_date=delivery.landing_date,
                    kind="changes" if EPOCH in delivery.details else _BATCH_KINDS[contract.kind],
                    epoch=_epoch(contract, delivery),
                    objects=objects,
                )
            )
    return Arrivals(tuple(found), undated=())


def _epoch(contract: SourceContract, delivery: Delivery) -> str:
    # Only a load replaces what was there; changes follow one, and a pull adds to what there is.
    if contract.kind == "database":
        return delivery.details.get(EPOCH, delivery.delivery_id)
    return "0"


def _dropped(contract: SourceContract, table: TableContract, *, landing: ObjectStore) -> Arrivals:
    by_day: defaultdict[date, list[LandedObject]] = defaultdict(list)
    undated: list[str] = []
    prefix = f"{contract.name}/{table.delivered_name}/"
    for landed in _landed(landing, prefix):
        day = landing_day(landed.key.removeprefix(prefix))
        if day is None:
            undated.append(landed.key)
        else:
            by_day[day].append(landed)
    kind = _BATCH_KINDS[contract.kind]
    return Arrivals(
        tuple(Arrival(day, kind, "0", tuple(by_day[day])) for day in sorted(by_day)),
        tuple(undated),
    )


def _landed(landing: ObjectStore, prefix: str) -> tuple[LandedObject, ...]:
    return tuple(
        LandedObject(landing.bucket, info.key, info.etag, info.size)
        for info in landing.list(prefix)
    )
