"""Proof that raw still is what was accepted: the same objects, the same sizes, the same hashes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from product360_assets.raw.keys import batch_prefix
from resources.hashing import sha256_of
from resources.ledger import AcceptedObject, Batch, Ledger
from resources.objects import ObjectStore

HASHES_AT_ONCE = 4


def alterations(
    batches: Iterable[Batch],
    *,
    ledger: Ledger,
    raw: ObjectStore,
    just_copied: Collection[str] = (),
) -> list[str]:
    """What differs between raw and the ledger, one sentence per object; nothing when all is well.

    Objects are counted, their sizes compared and their bytes hashed again, except for those in
    `just_copied`: these were hashed while they were written, a moment ago.
    """
    found: list[str] = []
    to_hash: list[AcceptedObject] = []
    for batch in batches:
        there = {info.key: info.size for info in raw.list(batch_prefix(batch))}
        for accepted in ledger.accepted_objects(batch.batch_id):
            size = there.pop(accepted.raw_key, None)
            if size is None:
                found.append(f"{accepted.raw_key} is gone")
            elif size != accepted.landed.size:
                found.append(f"{accepted.raw_key} has {size} bytes, not {accepted.landed.size}")
            elif accepted.raw_key not in just_copied:
                to_hash.append(accepted)
        found.extend(f"{key} was never accepted" for key in there)
    with ThreadPoolExecutor(HASHES_AT_ONCE) as pool:
        hashes = pool.map(lambda each: sha256_of(raw.stream(each.raw_key)), to_hash)
        found.extend(
            f"{accepted.raw_key} hashes to {now}, not {accepted.sha256}"
            for accepted, now in zip(to_hash, hashes, strict=True)
            if now != accepted.sha256
        )
    return found
