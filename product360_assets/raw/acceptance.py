"""Acceptance: from landing, which others may rewrite, into raw, which nobody may.

    plan      what landing holds and no batch has claimed, by landing date
    open      the ledger claims the objects for a batch; from here on the batch must be finished
    copy      each object, unchanged and hashed, create-only
    record    hashes in the ledger, a manifest in raw, then the state "raw" in the ledger

A process may die between any two of these. Whoever comes next finishes opened batches before it
plans new ones, and every step, done again, changes nothing. A batch's id and keys follow from its
objects, so the outcome does not depend on who did which part.

The hazard: the same key delivered again with other bytes. What a batch has claimed stays what it
was; the new version is set aside and reported (`raw.rewritten`), never accepted in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.states import RAW, published_as, record_once
from product360_assets.ingestion.arrivals import Arrival, arrivals, delivered_rows
from product360_assets.raw.keys import raw_keys
from product360_assets.raw.manifests import write_manifest
from product360_assets.raw.rewritten import Rewriting, RewrittenObjects, SetAside
from resources.errors import ObjectChanged, ObjectClaimed, ObjectMissing
from resources.hashing import sha256_of
from resources.ledger import (
    AcceptedObject,
    Batch,
    LandedObject,
    Ledger,
    ZoneState,
    batch_id_of,
)
from resources.objects import ObjectStore

# Copies wait for disks and networks, not for the processor.
COPIES_AT_ONCE = 8
# Another process may claim objects between a listing and an opening; a new listing knows.
PLANNING_ATTEMPTS = 3
# The code version of raw assets: rises when what lands in raw for the same delivery changes.
VERSION = "1"
# Present in the details of a raw state when the delivering side said how many rows it delivered.
DELIVERED_ROWS = "rows"


@dataclass(frozen=True)
class Plan:
    """What acceptance has to do for a table.

    Attributes:
        resumed: batches that were opened and not finished.
        new: batches to open, by landing date.
        rewritten: objects that landing holds under a key of which a batch claimed other ones.
        undated: landing keys that name no day.
    """

    resumed: tuple[Batch, ...]
    new: tuple[Batch, ...]
    rewritten: tuple[Rewriting, ...]
    undated: tuple[str, ...]

    @property
    def landing_dates(self) -> set[date]:
        """The days on which there is something to do."""
        return {batch.landing_date for batch in (*self.resumed, *self.new)}


@dataclass(frozen=True)
class Accepted:
    """What one acceptance did: the plan it followed, and the raw keys that it copied itself.

    Attributes:
        set_aside: what is known of the rewritten objects of the plan.
    """

    plan: Plan
    copied: frozenset[str]
    set_aside: tuple[SetAside, ...]


@dataclass(frozen=True)
class Acceptance:
    """Accepts one table of one source.

    `reached` is told each step before the next begins; `contract_version` is recorded with what is
    accepted.
    """

    contract: SourceContract
    table: TableContract
    ledger: Ledger
    landing: ObjectStore
    raw: ObjectStore
    reached: Callable[[str], None] = lambda _step: None
    contract_version: int | None = None

    def plan(self) -> Plan:
        """What there is to do; changes nothing."""
        source, table = self.contract.name, self.table.name
        arrived = arrivals(self.contract, self.table, ledger=self.ledger, landing=self.landing)
        claimed = self.ledger.claimed(self.landing.bucket, f"{source}/")
        claimed_keys = {key: batch_id for (key, _), batch_id in claimed.items()}
        new: list[Batch] = []
        rewritten: list[Rewriting] = []
        for arrival in arrived.by_day:
            unclaimed = [o for o in arrival.objects if (o.key, o.version) not in claimed]
            rewritten.extend(
                Rewriting(arrival.landing_date, o, claimed_keys[o.key])
                for o in unclaimed
                if o.key in claimed_keys
            )
            if fresh := [o for o in unclaimed if o.key not in claimed_keys]:
                new.append(self._batch(arrival, fresh))
        finished = self.ledger.zone_states(source, table, RAW)
        opened = self.ledger.batches(source, table)
        return Plan(
            resumed=tuple(batch for batch in opened if batch.batch_id not in finished),
            new=tuple(sorted(new, key=lambda batch: (batch.landing_date, batch.batch_id))),
            rewritten=tuple(rewritten),
            undated=arrived.undated,
        )

    def accept(self, landing_dates: Collection[date]) -> Accepted:
        """Finish what was opened for these days, then open and finish what is new.

        Raises:
            ObjectMissing, ObjectChanged: landing no longer holds what an opened batch claimed.
            ObjectExists: raw holds other bytes under a key of the batch.
            ObjectClaimed: another process kept claiming the objects of this plan.
        """
        for attempt in range(1, PLANNING_ATTEMPTS + 1):
            plan = self.plan()
            self.reached("planned")
            try:
                opened = [self._open(b) for b in plan.new if b.landing_date in landing_dates]
                break
            except ObjectClaimed:
                if attempt == PLANNING_ATTEMPTS:
                    raise
        resumed = [batch for batch in plan.resumed if batch.landing_date in landing_dates]
        copied = self._take_in([*resumed, *opened])
        found = [self._rewritten.set_aside(each) for each in plan.rewritten]
        return Accepted(plan, copied, tuple(each for each in found if each is not None))

    @property
    def _rewritten(self) -> RewrittenObjects:
        return RewrittenObjects(
            self.contract.name, self.table.name, self.ledger, self.landing, self.raw
        )

    def _batch(self, arrival: Arrival, objects: Sequence[LandedObject]) -> Batch:
        return Batch(
            batch_id=batch_id_of(arrival.landing_date, objects),
            source=self.contract.name,
            table=self.table.name,
            landing_date=arrival.landing_date,
            kind=arrival.kind,
            epoch=arrival.epoch,
            objects=tuple(sorted(objects)),
        )

    def _open(self, batch: Batch) -> Batch:
        opened = self.ledger.open_batch(batch)
        self.reached(f"opened {batch.batch_id}")
        return opened

    def _take_in(self, batches: Sequence[Batch]) -> frozenset[str]:
        copied: set[str] = set()
        with _copiers() as pool:
            waiting = []
            for batch in batches:
                recorded = self.ledger.accepted_objects(batch.batch_id)
                missing = _missing(batch, recorded)
                waiting.append((batch, recorded, pool.map(self._copy, missing)))
                copied.update(key for _, key in missing)
            for batch, recorded, copies in waiting:
                self._record(batch, [*recorded, *copies])
        return frozenset(copied)

    def _copy(self, job: tuple[LandedObject, str]) -> AcceptedObject:
        landed, key = job
        try:
            copied = self.raw.accept(self.landing, landed.key, key, version=landed.version)
        except (ObjectMissing, ObjectChanged):
            # Landing may have moved on after a copy that nobody recorded. The key names the batch,
            # and the batch names this version: what lies there is what was claimed.
            if not self._copied_before(landed, key):
                raise
            return AcceptedObject(landed, key, sha256_of(self.raw.stream(key)))
        self.reached(f"copied {key}")
        return AcceptedObject(landed, key, copied.sha256)

    def _copied_before(self, landed: LandedObject, key: str) -> bool:
        try:
            return self.raw.head(key).size == landed.size
        except ObjectMissing:
            return False

    def _record(self, batch: Batch, accepted: Sequence[AcceptedObject]) -> None:
        self.ledger.accept_objects(batch.batch_id, accepted)
        self.reached(f"recorded {batch.batch_id}")
        manifest = write_manifest(self.raw, batch, accepted)
        self.reached(f"listed {batch.batch_id}")
        record_once(self.ledger, self._state(batch, accepted, manifest))
        self.reached(f"finished {batch.batch_id}")

    def _state(self, batch: Batch, accepted: Sequence[AcceptedObject], manifest: str) -> ZoneState:
        rows = delivered_rows(batch, self.ledger)
        details = {
            "objects": str(len(accepted)),
            "bytes": str(sum(each.landed.size for each in accepted)),
            **published_as(self.contract_version),
        }
        if rows is not None:
            details[DELIVERED_ROWS] = str(rows)
        return ZoneState(
            batch_id=batch.batch_id,
            zone=RAW,
            rows_in=rows or 0,
            rows_out=rows or 0,
            rows_quarantined=0,
            location=manifest,
            unit=batch.batch_id,
            code_version=VERSION,
            config_version="",
            snapshot_id=None,
            recorded_at=datetime.now(UTC),
            details=details,
        )


def _missing(batch: Batch, recorded: Sequence[AcceptedObject]) -> list[tuple[LandedObject, str]]:
    """The batch's objects that the ledger does not know in raw, with their raw keys."""
    known = {each.landed for each in recorded}
    keyed = zip(batch.objects, raw_keys(batch), strict=True)
    return [(landed, key) for landed, key in keyed if landed not in known]


@contextmanager
def _copiers() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(COPIES_AT_ONCE)
    try:
        yield pool
    finally:
        # After a failure the copies that wait are not worth making; a later run makes them.
        pool.shutdown(cancel_futures=True)
