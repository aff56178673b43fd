"""Source against raw: what was said to be delivered, what landing holds, and the bytes in raw.

A database or a service says how many rows and bytes an execution delivered; files and streams say
nothing, and landing's own objects speak for them. Both are held against raw as it is now: its files
hashed and their records counted again.

The hazard: landing belongs to the source, which may clean up there. An object that is gone from
landing is no difference; one that changed under its name is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from product360_assets.governance.differences import Difference
from product360_assets.governance.evidence import DayEvidence, TableEvidence
from product360_assets.governance.records import Bytes
from resources.errors import ObjectChanged, ObjectMissing
from resources.hashing import sha256_of
from resources.ledger import AcceptedObject, Delivery
from resources.objects import ObjectStore

_FILES_NAMED = 3


def compare(
    evidence: TableEvidence,
    day: DayEvidence,
    accepted: Sequence[AcceptedObject],
    measured: Mapping[str, Bytes],
) -> Iterator[Difference]:
    """Every difference of one day.

    Args:
        evidence: of the table.
        day: of the day.
        accepted: what the ledger says of the day's objects in raw.
        measured: what these objects are now, by raw key; those that are gone are not in it.
    """

    def differs(file: str, what: str, left: object, right: object) -> Difference:
        parts = (evidence.name, day.day.isoformat(), file, what, str(left), str(right))
        return Difference("source and raw", *parts)

    for found in accepted:
        key, now = found.raw_key, measured.get(found.raw_key)
        if now is None:
            yield differs(key, "objects", 1, 0)
        elif now.size != found.landed.size:
            yield differs(key, "bytes", found.landed.size, now.size)
        if now is not None and now.sha256 != found.sha256:
            yield differs(key, "sha256", found.sha256, now.sha256)
    for key in sorted(set(day.raw_objects) - {found.raw_key for found in accepted}):
        # A batch that is being accepted has copies that nobody recorded yet.
        if all(batch.batch_id in day.raw for batch in day.batches):
            yield differs(key, "objects", 0, 1)
    for found_of in (
        _landing(evidence.lake.zone("landing"), day, accepted),
        _executions(day, accepted, measured),
    ):
        for file, what, left, right in found_of:
            yield differs(file, what, left, right)


def _landing(
    landing: ObjectStore, day: DayEvidence, accepted: Sequence[AcceptedObject]
) -> Iterator[tuple[str, str, str, str]]:
    """Landing's own bytes against the hash that raw was accepted with."""
    by_key = {found.landed.key: found for found in accepted}
    for landed in day.landed:
        known = by_key.get(landed.key)
        if known is None:
            continue
        if known.landed.version != landed.version:
            yield landed.key, "version", landed.version, known.landed.version
            continue
        try:
            now = sha256_of(landing.stream(landed.key))
        except (ObjectMissing, ObjectChanged):
            # Its owner is at work; the next reconciliation sees what came of it.
            continue
        if now != known.sha256:
            yield landed.key, "sha256", now, known.sha256


def _executions(
    day: DayEvidence, accepted: Sequence[AcceptedObject], measured: Mapping[str, Bytes]
) -> Iterator[tuple[str, str, int, int]]:
    """What executions say they delivered against their files in raw, where all were accepted."""
    said: defaultdict[str, list[Delivery]] = defaultdict(list)
    for delivery in day.deliveries:
        said[delivery.prefix].append(delivery)
    arrived: defaultdict[str | None, list[AcceptedObject]] = defaultdict(list)
    for found in accepted:
        arrived[_longest(said, found.landed.key)].append(found)
    known = {found.landed.key for found in accepted}
    waiting = {_longest(said, landed.key) for landed in day.landed if landed.key not in known}
    for prefix, deliveries in said.items():
        if prefix in waiting:
            continue
        its = arrived[prefix]
        named = _named(its, measured) or prefix
        size, accepted_size = sum(d.bytes for d in deliveries), sum(f.landed.size for f in its)
        if size != accepted_size:
            yield named, "bytes", size, accepted_size
        records = [_records(found, measured) for found in its]
        rows, found_rows = sum(d.rows for d in deliveries), sum(count or 0 for count in records)
        if rows != found_rows and None not in records:
            yield named, "rows", rows, found_rows


def _longest(prefixes: Iterable[str], key: str) -> str | None:
    """The longest of the prefixes that the key has: one may lie within another."""
    return max((each for each in prefixes if key.startswith(each)), key=len, default=None)


def _records(found: AcceptedObject, measured: Mapping[str, Bytes]) -> int | None:
    now = measured.get(found.raw_key)
    return 0 if now is None else now.records


def _named(its: Sequence[AcceptedObject], measured: Mapping[str, Bytes]) -> str:
    """The files that are not what they were; all of them if each still is."""
    changed = [
        found.raw_key
        for found in its
        if (now := measured.get(found.raw_key)) is None or now.sha256 != found.sha256
    ]
    return ", ".join((changed or [found.raw_key for found in its])[:_FILES_NAMED])
