"""What every commit to a published table says about itself, and how to find it again.

Snapshot summaries are the proof that a commit landed: they are written in the same atomic swap as
the data. They end when snapshots expire, so the ledger keeps the same facts for ever; neither
replaces the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from resources.catalog import CatalogResource
from resources.maintenance import content_snapshot, is_silent

COMMIT_ID = "product360.commit-id"
BATCH_IDS = "product360.batch-ids"
CODE_VERSION = "product360.code-version"
INPUTS = "product360.inputs"
MADE_FROM = "product360.made-from"
AS_OF_DATE = "product360.as-of-date"
RUN_ID = "product360.run-id"
CONTRACTS = "product360.contract-versions"

# Summaries are read with the table's metadata by every reader; a year of batches must not be.
LONGEST_LIST = 2_000


def digest_of(parts: Iterable[str]) -> str:
    """First 16 hexadecimal digits of a hash over the parts, in any order."""
    text = "\n".join(sorted(parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def batch_list(batch_ids: Iterable[str]) -> str:
    """The ids as one property: the list itself, or its length and hash when it is long."""
    ids = sorted(batch_ids)
    text = ",".join(ids)
    return text if len(text) <= LONGEST_LIST else f"{len(ids)} batches, hash {digest_of(ids)}"


def listed_batches(summary: Mapping[str, str]) -> frozenset[str] | None:
    """The ids of a `batch_list`; None where there is none, or it was too long to be written out."""
    text = summary.get(BATCH_IDS)
    return None if text is None or ", hash " in text else frozenset(text.split(","))


def snapshot_with(
    catalog: CatalogResource, identifier: str, properties: Mapping[str, str]
) -> int | None:
    """Id of the newest snapshot of the table's history that carries all of the properties."""
    for summary in catalog.snapshot_summaries(identifier):
        if all(summary.get(name) == value for name, value in properties.items()):
            return int(summary["snapshot-id"])
    return None


def newest_snapshot(catalog: CatalogResource, identifier: str) -> Mapping[str, str]:
    """Summary of the table's current snapshot; empty when nothing was ever committed.

    Its `snapshot-id` is that of the snapshot which brought the rows: upkeep changes no row, so
    nothing that was made from the table is out of date after it. Upkeep by others, such as Glue's
    optimizers, is looked through as long as what it rearranged is kept.
    """
    summaries = catalog.snapshot_summaries(identifier)
    if not summaries:
        return {}
    newest = next((each for each in summaries if not is_silent(each)), summaries[0])
    return {**newest, "snapshot-id": content_snapshot(newest)}
