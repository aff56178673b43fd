"""The ledger: which delivered objects were accepted, in which batch, and what each zone made of it.

It outlives Iceberg snapshots and Dagster's own history, so it is where "was this done already?" is
answered. Two implementations behave alike: SQLite (`resources.local.ledger`) and DynamoDB
(`resources.dynamodb`); one behaviour suite holds for both.

The hazard: several processes write at once. Every write here is conditional on what its writer
believed; a writer that believed wrongly gets an error and never a silent overwrite. Locks save work
that would be done twice (`resources.locks` tells how they are held); they are not what keeps rows
from being lost or doubled.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

import dagster as dg

from resources.locks import Lock
from resources.owners import Owner

DeliveryStatus = Literal["running", "successful", "failed"]
# "correction": rows that people corrected after they were rejected, and released from quarantine.
BatchKind = Literal["load", "changes", "pull", "file", "stream", "correction"]


@dataclass(frozen=True, order=True)
class LandedObject:
    """One version of one delivered object; `version` is the store's etag, `size` in bytes."""

    bucket: str
    key: str
    version: str
    size: int


@dataclass(frozen=True)
class AcceptedObject:
    """A delivered object and its unchanged copy in raw; `sha256` in hexadecimal."""

    landed: LandedObject
    raw_key: str
    sha256: str


@dataclass(frozen=True)
class Delivery:
    """One execution record of a delivering service: a load task, a pull. Files have none.

    Times carry a zone; `rows` and `bytes` count what was delivered under `prefix`.
    """

    source: str
    table: str
    delivery_id: str
    landing_date: date
    prefix: str
    status: DeliveryStatus
    started_at: datetime
    finished_at: datetime | None
    rows: int
    bytes: int
    details: Mapping[str, str]


@dataclass(frozen=True)
class Batch:
    """Delivered objects of one table and one landing date that go through the zones together.

    `epoch` is the delivery id of the load for databases, else "0".
    """

    batch_id: str
    source: str
    table: str
    landing_date: date
    kind: BatchKind
    epoch: str
    objects: tuple[LandedObject, ...]


@dataclass(frozen=True)
class ZoneState:
    """What one zone ("raw", "clean", "curated.product") made of one batch.

    `rows_in` = `rows_out` + `rows_quarantined`; `location` is the zone's key or URI of the result.
    """

    batch_id: str
    zone: str
    rows_in: int
    rows_out: int
    rows_quarantined: int
    location: str
    unit: str
    code_version: str
    config_version: str
    snapshot_id: int | None
    recorded_at: datetime
    details: Mapping[str, str]


class Ledger(Protocol):
    """What every ledger does. All methods are safe to call from several processes at once."""

    def record_delivery(self, delivery: Delivery) -> None:
        """Insert or update by (source, table, delivery_id).

        Raises:
            LedgerConflict: the recorded delivery was successful and is not this one.
        """

    def deliveries(self, source: str, table: str) -> list[Delivery]:
        """All deliveries of a table, by (started_at, delivery_id)."""

    def open_batch(self, batch: Batch) -> Batch:
        """Open a batch and claim every one of its objects, all or none.

        Opening the same batch again returns it.

        Raises:
            ObjectClaimed: another batch holds one of the objects.
            LedgerConflict: a batch of this id exists and is not this one.
        """

    def batch(self, batch_id: str) -> Batch | None:
        """The open batch of that id, objects by (bucket, key, version)."""

    def batches(
        self, source: str, table: str, *, landing_dates: Collection[date] | None = None
    ) -> list[Batch]:
        """Open batches of a table, by (landing_date, batch_id)."""

    def claimed(self, bucket: str, prefix: str) -> dict[tuple[str, str], str]:
        """(key, version) → batch_id of every claimed object whose key starts with `prefix`."""

    def accept_objects(self, batch_id: str, objects: Sequence[AcceptedObject]) -> None:
        """Record that these objects of the batch are in raw. Repeating it changes nothing.

        Raises:
            LedgerConflict: no such batch, an object the batch does not hold, or one that was
                accepted with another key or hash.
        """

    def accepted_objects(self, batch_id: str) -> list[AcceptedObject]:
        """What of the batch is in raw, by raw_key."""

    def record_zone(self, state: ZoneState, *, replacing: ZoneState | None) -> None:
        """Record what a zone made of a batch, if the ledger still holds `replacing`.

        Recording what the ledger holds already, to the letter, changes nothing.

        Raises:
            LedgerConflict: no such batch, or the ledger holds another state than `replacing`.
        """

    def zone_state(self, batch_id: str, zone: str) -> ZoneState | None:
        """What a zone made of a batch; None when nothing yet."""

    def zone_states(self, source: str, table: str, zone: str) -> dict[str, ZoneState]:
        """batch_id → state, of every batch of a table that the zone has worked on."""

    def lock(self, name: str) -> Lock | None:
        """Who holds the lock of that name; None when it is free."""

    def take_lock(self, name: str, owner: Owner, *, over: Lock | None) -> Lock:
        """Take a lock that is free, or still is `over`, whose holder is gone.

        Raises:
            LockHeld: somebody else holds it.
        """

    def renew_lock(self, lock: Lock) -> Lock:
        """The same lock with a higher beat.

        Raises:
            LockLost: it has changed hands.
        """

    def release_lock(self, lock: Lock) -> None:
        """Make it free; one that has changed hands stays as it is."""

    def under(self, lock: Lock) -> Ledger:
        """This ledger for the holder of a lock: it records only while that is held.

        `record_delivery` and `record_zone` of it raise LockLost once the lock has changed hands;
        whether it has is decided together with the write. The other methods are unchanged: what
        they write follows from the objects, whoever writes it.
        """


class LedgerResource(dg.ConfigurableResource[Any], ABC):
    """Opens the ledger of the chosen environment."""

    @abstractmethod
    def open(self) -> Ledger:
        """The ledger, ready to use. Costs a file handle or an SDK client; keep it for a run."""


def batch_id_of(landing_date: date, objects: Iterable[LandedObject]) -> str:
    """The id that these objects give a batch: the same objects, the same id, on any machine."""
    digest = hashlib.sha256()
    for key, version in sorted((landed.key, landed.version) for landed in objects):
        # Lengths keep ("ab", "c") and ("a", "bc") apart.
        for part in (key.encode(), version.encode()):
            digest.update(len(part).to_bytes(4, "big"))
            digest.update(part)
    return f"{landing_date.isoformat()}-{digest.hexdigest()[:12]}"
