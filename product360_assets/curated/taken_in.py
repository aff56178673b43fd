"""The clean batches that a published table has taken in, and where their rows lie.

What is claimed of a table is held against them, and against nothing that is still under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from product360_assets.curated.pending import COMMITTED, Input
from resources.errors import TableMissing
from resources.ledger import Ledger
from resources.objects import LakeResource
from spark.tables import Table

# Locations of clean batches, by relation name and batch id.
Batches = Mapping[str, Mapping[str, str]]


def relation_of(each: Input) -> str:
    """The name by which claims read an input's clean rows: `clean_<source>_<table>`."""
    return f"clean_{each.source}_{each.table}"


def clean_batches(
    ledger: Ledger, table: Table, inputs: Sequence[Input], commit: str | None = None
) -> dict[str, dict[str, str]]:
    """Locations of the clean batches that the table has taken in, by relation name and batch id.

    Those that the `commit` is about to take in count as well.
    """
    batches: dict[str, dict[str, str]] = {}
    for each in inputs:
        states = ledger.zone_states(each.source, each.table, "clean")
        taken_in = ledger.zone_states(each.source, each.table, table.identifier)
        batches[relation_of(each)] = {
            batch_id: states[batch_id].location
            for batch_id, state in sorted(taken_in.items())
            if state.details.get("state") == COMMITTED or state.details.get("commit", "") == commit
        }
    return batches


def locations(batches: Batches) -> dict[str, list[str]]:
    """The batches' locations by relation name."""
    return {relation: list(found.values()) for relation, found in batches.items()}


def clean_files(lake: LakeResource, batches: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """URIs of the batches' files, by relation name."""
    store = lake.zone("clean")
    return {
        relation: [
            store.uri_of(found.key)
            for location in locations
            for found in store.list(_key(location, store.uri))
            if found.key.endswith(".parquet")
        ]
        for relation, locations in batches.items()
    }


def claimed_files(
    table: Table, lake: LakeResource, batches: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """URIs of the files that a claim about the table is asked of, by relation name.

    Raises:
        TableMissing: the table has taken in no batch of one of them.
    """
    files = clean_files(lake, batches)
    for relation, uris in files.items():
        if not uris:
            raise TableMissing(
                f"relation {relation}",
                found=f"no clean batch that {table.identifier} has taken in",
                expected="one batch at least, to hold the table against",
                next_move="materialize its clean asset and then the table; the check is asked then",
            )
    return files


def _key(location: str, store_uri: str) -> str:
    """The key of a folder in its store, whether the ledger holds its URI or its key."""
    return location.removeprefix(store_uri).strip("/") + "/"
