"""Where a batch's objects lie in raw: `<source>/<table>/landing_date=<day>/batch=<id>/<name>`."""

from __future__ import annotations

from collections import Counter

from resources.ledger import Batch


def batch_prefix(batch: Batch) -> str:
    """What the raw keys of a batch begin with."""
    return (
        f"{table_prefix(batch.source, batch.table)}"
        f"landing_date={batch.landing_date.isoformat()}/batch={batch.batch_id}/"
    )


def table_prefix(source: str, table: str) -> str:
    """What the raw keys of a table begin with."""
    return f"{source}/{table}/"


def manifest_key(batch: Batch) -> str:
    """Where the list of a batch's objects lies; no zone lists it as data."""
    return f"_manifests/{batch.source}/{batch.table}/{batch.batch_id}.json"


def raw_keys(batch: Batch) -> list[str]:
    """The raw key of each of the batch's objects, in their order.

    An object keeps its file name, and as many of its folders as make it single in the batch.
    """
    keys = [landed.key for landed in batch.objects]
    depth = 1
    while max(Counter(_tail(key, depth) for key in keys).values()) > 1:
        depth += 1
    return [batch_prefix(batch) + _tail(key, depth) for key in keys]


def _tail(key: str, depth: int) -> str:
    return "/".join(key.split("/")[-depth:])
