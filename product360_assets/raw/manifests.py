"""Manifests: for each batch, which delivered object became which raw object, with its hash.

The ledger knows the same. The manifest lies beside the data, so that raw explains itself even to
somebody who has nothing but the bucket.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from product360_assets.raw.keys import manifest_key
from resources.errors import ObjectExists
from resources.ledger import AcceptedObject, Batch
from resources.objects import ObjectStore


def write_manifest(raw: ObjectStore, batch: Batch, accepted: Sequence[AcceptedObject]) -> str:
    """Write a batch's manifest once and return its key.

    Raises:
        ObjectExists: a manifest of this batch says something else.
    """
    key, document = manifest_key(batch), _document(batch, accepted)
    try:
        raw.put(key, document)
    except ObjectExists:
        if raw.read(key) != document:
            raise
    return key


def _document(batch: Batch, accepted: Sequence[AcceptedObject]) -> bytes:
    # No time of writing: whoever writes it, and however often, writes the same bytes.
    return json.dumps(
        {
            "batch_id": batch.batch_id,
            "source": batch.source,
            "table": batch.table,
            "landing_date": batch.landing_date.isoformat(),
            "kind": batch.kind,
            "epoch": batch.epoch,
            "objects": [
                {
                    "raw_key": each.raw_key,
                    "sha256": each.sha256,
                    "size": each.landed.size,
                    "landing_bucket": each.landed.bucket,
                    "landing_key": each.landed.key,
                    "landing_version": each.landed.version,
                }
                for each in sorted(accepted, key=lambda each: each.raw_key)
            ],
        },
        indent=1,
        ensure_ascii=False,
    ).encode()
