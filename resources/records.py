"""Ledger records as JSON documents: equal records, equal text, in whatever store they stand.

The hazard: optimistic writes compare documents, so the text must be canonical: sorted names, no
spaces, times in UTC with microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from resources.errors import LedgerConflict, ObjectClaimed
from resources.ledger import (
    AcceptedObject,
    Batch,
    BatchKind,
    Delivery,
    DeliveryStatus,
    LandedObject,
    ZoneState,
)
from resources.locks import Lock
from resources.owners import Owner


def delivery_document(delivery: Delivery) -> str:
    """A delivery as canonical JSON."""
    finished = delivery.finished_at
    return _canonical(
        {
            **vars(delivery),
            "landing_date": delivery.landing_date.isoformat(),
            "started_at": _instant(delivery.started_at),
            "finished_at": None if finished is None else _instant(finished),
            "details": dict(delivery.details),
        }
    )


def delivery_of(document: str) -> Delivery:
    """The delivery that a document states."""
    fields = json.loads(document)
    finished = fields["finished_at"]
    return Delivery(
        **{
            **fields,
            "landing_date": date.fromisoformat(fields["landing_date"]),
            "status": cast(DeliveryStatus, fields["status"]),
            "started_at": datetime.fromisoformat(fields["started_at"]),
            "finished_at": None if finished is None else datetime.fromisoformat(finished),
        }
    )


def zone_state_document(state: ZoneState) -> str:
    """A zone state as canonical JSON."""
    return _canonical(
        {
            **vars(state),
            "recorded_at": _instant(state.recorded_at),
            "details": dict(state.details),
        }
    )


def zone_state_of(document: str) -> ZoneState:
    """The zone state that a document states."""
    fields = json.loads(document)
    return ZoneState(**{**fields, "recorded_at": datetime.fromisoformat(fields["recorded_at"])})


def batch_document(batch: Batch) -> str:
    """A batch without its objects as canonical JSON."""
    fields = {**vars(batch), "landing_date": batch.landing_date.isoformat()}
    del fields["objects"]
    return _canonical(fields)


def batch_of(document: str, objects: Iterable[LandedObject]) -> Batch:
    """The batch that a document states, holding these objects."""
    fields = json.loads(document)
    return Batch(
        **{
            **fields,
            "landing_date": date.fromisoformat(fields["landing_date"]),
            "kind": cast(BatchKind, fields["kind"]),
            "objects": tuple(objects),
        }
    )


def owner_document(owner: Owner) -> str:
    """An owner as canonical JSON."""
    return _canonical(vars(owner))


def lock_of(name: str, token: int, beat: int, owner: str, since: str) -> Lock:
    """The lock that a store keeps in these parts; `owner` is a document."""
    return Lock(name, token, beat, Owner(**json.loads(owner)), datetime.fromisoformat(since))


def in_order(batch: Batch) -> Batch:
    """The same batch with each object once, by (bucket, key, version)."""
    return Batch(**{**vars(batch), "objects": tuple(sorted(set(batch.objects)))})


def other_batch(batch: Batch) -> LedgerConflict:
    """The error for a batch whose id another batch has."""
    return LedgerConflict(
        f"batch {batch.batch_id} of {batch.source}.{batch.table}",
        found="a batch of this id with other fields or objects",
        expected="the same batch, or none",
        next_move="plan again from the landing listing; ids follow from objects and landing date",
    )


def claimed_by(landed: LandedObject, holder: str, batch_id: str) -> ObjectClaimed:
    """The error for an object that another batch holds."""
    return ObjectClaimed(
        f"{landed.bucket}/{landed.key} (version {landed.version})",
        found=f"a claim by batch {holder}",
        expected=f"no claim, or one by batch {batch_id}",
        next_move="plan again without the objects that are claimed",
    )


def no_batch(batch_id: str) -> LedgerConflict:
    """The error for writing about a batch that was never opened."""
    return LedgerConflict(
        f"batch {batch_id}",
        found="no open batch of this id",
        expected="one, opened before anything is recorded about it",
        next_move="open the batch first",
    )


def delivery_settled(delivery: Delivery) -> LedgerConflict:
    """The error for changing a delivery that was successful."""
    return LedgerConflict(
        f"delivery {delivery.delivery_id} of {delivery.source}.{delivery.table}",
        found="a successful delivery with other facts",
        expected="a successful delivery never to change",
        next_move="record the new execution under an id of its own",
    )


def not_replaceable(state: ZoneState, found: ZoneState | None) -> LedgerConflict:
    """The error for recording over a state that the writer did not know of."""
    return LedgerConflict(
        f"zone {state.zone} of batch {state.batch_id}",
        found="no state" if found is None else f"a state recorded {found.recorded_at.isoformat()}",
        expected="the state that this writer had read",
        next_move="read the state again and decide anew",
    )


def refused_acceptances(
    batch: Batch, objects: Iterable[AcceptedObject], known: Mapping[LandedObject, AcceptedObject]
) -> LedgerConflict | None:
    """The error for the first of these that the batch does not hold or holds otherwise."""
    held = set(batch.objects)
    seen = dict(known)
    for accepted in objects:
        before = seen.setdefault(accepted.landed, accepted)
        if accepted.landed not in held:
            found = "a batch that does not hold this object"
        elif before != accepted:
            found = f"it accepted as {before.raw_key} with SHA-256 {before.sha256}"
        else:
            continue
        return LedgerConflict(
            f"{accepted.landed.bucket}/{accepted.landed.key} of batch {batch.batch_id}",
            found=found,
            expected=f"it accepted as {accepted.raw_key} with SHA-256 {accepted.sha256}, or not",
            next_move="compare the object in raw with the one in landing before going on",
        )
    return None


def _instant(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; the ledger keeps instants")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _canonical(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
