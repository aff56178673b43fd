"""Opening a batch on DynamoDB: claims on any number of objects, all or none, through any crash.

A transaction there holds 100 writes, a batch thousands of objects. So a batch is *opening* until
all its claims stand and *open* afterwards, by one last conditional write; claims of a batch that is
not open count for nobody.

    absent ──begin──> opening ──commit──> open
                       │   ▲
               abandon ▼   │ begin, generation + 1
                     abandoned

The hazard: an opener may stop half-way, or only be slow. Whoever meets the claim of a batch that
has been opening for too long, or that was abandoned, abandons it first and then takes the claim;
the slow opener's last write names its generation and fails. An opener that meets a living claim
abandons its own batch. Claims are taken in key order, so that of openers in conflict one succeeds.
"""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Callable, Sequence

from resources.dynamodb_items import ABSENT, ITEM_BYTES, WRITES_AT_ONCE, Item, ItemTable, Write
from resources.errors import ObjectClaimed, ServiceUnavailable
from resources.ledger import Batch, LandedObject
from resources.records import batch_document, claimed_by, other_batch

OPENING_SECONDS = 120
ROUNDS = 10

_OURS = f"{ABSENT} OR (#batch_id = :batch_id AND #generation <= :generation)"
_THEIRS = "#batch_id = :batch_id AND #generation <= :generation"
_AS_READ = "#state = :state AND #generation = :generation"


class BatchOpener:
    """Opens batches in one table; see the module's text for how."""

    def __init__(self, table: ItemTable, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    def open(self, batch: Batch) -> None:
        """Open a batch whose objects are in order; opening it again changes nothing.

        Raises:
            ObjectClaimed: another batch holds one of the objects.
            LedgerConflict: a batch of this id exists and is not this one.
        """
        for _ in range(ROUNDS):
            generation = self._begin(batch)
            if generation is None:
                return
            try:
                self._claim(batch, generation)
            except ObjectClaimed:
                if self._abandon(self._header(batch, generation)):
                    raise
                # Another opener of the same batch has gone on, perhaps to the end: see.
                continue
            except _Overtaken:
                continue
            if self._commit(batch, generation):
                return
        raise ServiceUnavailable(
            f"batch {batch.batch_id}",
            found=f"other writers in the way in each of {ROUNDS} attempts to open it",
            expected="it to be open, or an object of it to be claimed",
            next_move="try again",
        )

    def _begin(self, batch: Batch) -> int | None:
        """The generation under which the batch is opening now; None when it is open."""
        while True:
            header = header_of(self._table, batch.batch_id)
            if header is None:
                write = Write(self._header(batch, 1), ABSENT)
            elif header["fingerprint"] != _fingerprint(batch):
                raise other_batch(batch)
            elif header["state"] == "open":
                return None
            else:
                generation = int(header["generation"]) + (header["state"] == "abandoned")
                write = Write(self._header(batch, generation), _AS_READ, _as_read(header))
            marker: Item = {"pk": "opening", "sk": batch.batch_id}
            if not self._table.write(write, Write(marker)):
                for number, piece in enumerate(pieces(batch.objects)[1:], start=1):
                    self._table.write(Write(_piece(batch, number, piece)))
                return int(write.item["generation"])

    def _claim(self, batch: Batch, generation: int) -> None:
        for start in range(0, len(batch.objects), WRITES_AT_ONCE):
            landed = batch.objects[start : start + WRITES_AT_ONCE]
            writes = [_claim_of(one, batch.batch_id, generation) for one in landed]
            while failed := self._table.write(*writes):
                for at in failed:
                    writes[at] = self._take_over(landed[at], writes[at], batch)

    def _take_over(self, landed: LandedObject, claim: Write, batch: Batch) -> Write:
        """The same claim, to be taken from the batch that holds it, which is given up.

        Raises:
            ObjectClaimed: that batch is open, or somebody is opening it now.
        """
        own_generation = int(claim.item["generation"])
        own = _claim_of(landed, batch.batch_id, own_generation)
        held = self._table.get(str(claim.item["pk"]), str(claim.item["sk"]))
        if held is None:
            return own
        holder = str(held["batch_id"])
        if holder == batch.batch_id:
            if int(held["generation"]) > own_generation:
                raise _Overtaken
            return own
        header = header_of(self._table, holder)
        if header is None or self._is_alive(header):
            raise claimed_by(landed, holder, batch.batch_id)
        if header["state"] == "opening" and not self._abandon(header):
            return own
        generation = int(header["generation"])
        return Write(claim.item, _THEIRS, {"batch_id": holder, "generation": generation})

    def _commit(self, batch: Batch, generation: int) -> bool:
        header = self._header(batch, generation) | {"state": "open"}
        listed = header | {
            "pk": f"table#{batch.source}#{batch.table}",
            "sk": f"{batch.landing_date.isoformat()}#{batch.batch_id}",
        }
        return not self._table.write(
            Write(header, _AS_READ, {"state": "opening", "generation": generation}),
            Write(listed),
            Write({"pk": "opening", "sk": batch.batch_id}, delete=True),
        )

    def _is_alive(self, header: Item) -> bool:
        if header["state"] == "opening":
            return self._clock() < int(header["since"]) + OPENING_SECONDS
        return header["state"] == "open"

    def _abandon(self, header: Item) -> bool:
        """Give up an opening; False when it is not at that generation of opening any more."""
        opening = _as_read(header) | {"state": "opening"}
        return not self._table.write(Write(header | {"state": "abandoned"}, _AS_READ, opening))

    def _header(self, batch: Batch, generation: int) -> Item:
        parts = pieces(batch.objects)
        return {
            "pk": f"batch#{batch.batch_id}",
            "sk": "header",
            "batch_id": batch.batch_id,
            "state": "opening",
            "generation": generation,
            "since": int(self._clock()),
            "fingerprint": _fingerprint(batch),
            "document": batch_document(batch),
            "pieces": len(parts),
            "piece": parts[0],
        }


def header_of(table: ItemTable, batch_id: str) -> Item | None:
    """The header of a batch, in whatever state it is."""
    return table.get(f"batch#{batch_id}", "header")


def objects_in(table: ItemTable, header: Item) -> list[LandedObject]:
    """The objects of the batch that has this header (or its entry in the table's list)."""
    packed = [header["piece"]]
    if int(header["pieces"]) > 1:
        further = table.query(f"batch#{header['batch_id']!s}", "objects#")
        packed += [item["piece"] for item in further]
    return [
        LandedObject(*fields)
        for piece in packed
        if isinstance(piece, bytes)
        for fields in json.loads(zlib.decompress(piece))
    ]


def pieces(objects: Sequence[LandedObject]) -> list[bytes]:
    """The objects, packed into pieces that an item can hold; at least one.

    Cut before they are packed, so that pieces by writers with other versions of zlib fit together.
    """
    cut: list[list[str]] = [[]]
    size = 0
    for one in objects:
        text = json.dumps([one.bucket, one.key, one.version, one.size])
        size += len(text) + 1
        if size > ITEM_BYTES:
            cut.append([])
            size = len(text) + 1
        cut[-1].append(text)
    return [zlib.compress(f"[{','.join(texts)}]".encode()) for texts in cut]


def claim_key(landed: LandedObject) -> tuple[str, str]:
    """Where the claim on an object stands: findable by key prefix, whatever the key's length."""
    identity = hashlib.sha256(f"{landed.key}\n{landed.version}".encode()).hexdigest()[:32]
    return f"claim#{landed.bucket}", f"{claim_prefix(landed.key)}#{identity}"


def claim_prefix(prefix: str) -> str:
    """As much of a key as a sort key (1024 bytes) has room for."""
    return prefix.encode()[:900].decode(errors="ignore")


def _claim_of(landed: LandedObject, batch_id: str, generation: int) -> Write:
    pk, sk = claim_key(landed)
    item: Item = {
        "pk": pk,
        "sk": sk,
        "key": landed.key,
        "version": landed.version,
        "batch_id": batch_id,
        "generation": generation,
    }
    return Write(item, _OURS, {"batch_id": batch_id, "generation": generation})


def _piece(batch: Batch, number: int, piece: bytes) -> Item:
    return {"pk": f"batch#{batch.batch_id}", "sk": f"objects#{number:05d}", "piece": piece}


def _as_read(header: Item) -> dict[str, str | int]:
    return {"state": str(header["state"]), "generation": int(header["generation"])}


def _fingerprint(batch: Batch) -> str:
    objects = [[one.bucket, one.key, one.version, one.size] for one in batch.objects]
    return hashlib.sha256(f"{batch_document(batch)}\n{json.dumps(objects)}".encode()).hexdigest()


class _Overtaken(Exception):
    """A later opener of the same batch has claimed what this one wanted to claim."""
