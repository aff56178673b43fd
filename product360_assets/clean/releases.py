"""What people released from quarantine: the corrected rows of a batch, read where they are kept.

The ledger says that there was a release, of how many rows, by whom and why; the rows themselves are
in its one object, in landing until it is accepted and in raw from then on.
"""

from __future__ import annotations

import json
from typing import Any

from product360_assets.clean.columns import ORIGIN
from product360_assets.core.states import RELEASED
from product360_assets.ingestion.corrections import Release, releases_of
from resources.ledger import Batch, Ledger
from resources.objects import LakeResource

# Names in a correction's lines, beside those of the source's columns and of the lineage.
ROW_ID = "_corrects"
BY, AT, WHY = "_released_by", "_released_at", "_released_why"
RESERVED = frozenset({ROW_ID, BY, AT, WHY, *ORIGIN})


def released_ids(batch: Batch, *, ledger: Ledger, lake: LakeResource) -> tuple[str, ...]:
    """The ids of all rows of a batch that were released, in order."""
    state = ledger.zone_state(batch.batch_id, RELEASED)
    lines = (
        line
        for release in releases_of(state)
        for line in corrected_rows(release, ledger=ledger, lake=lake)
    )
    return tuple(sorted(line[ROW_ID] for line in lines))


def corrected_rows(release: Release, *, ledger: Ledger, lake: LakeResource) -> list[dict[str, Any]]:
    """The lines of a release: for each row its columns, its lineage and its id.

    Raises:
        ObjectMissing: neither landing nor raw holds it any more.
    """
    landing = lake.zone("landing")
    for batch_id in ledger.claimed(landing.bucket, release.key).values():
        for accepted in ledger.accepted_objects(batch_id):
            if accepted.landed.key == release.key:
                return _lines(lake.zone("raw").read(accepted.raw_key))
    return _lines(landing.read(release.key))


def _lines(content: bytes) -> list[dict[str, Any]]:
    # Not splitlines: it would also split at the separators that text may hold.
    return [json.loads(line) for line in content.decode().split("\n") if line]
