"""A table to landing by the platform's own load: captured, synced and reported."""

from __future__ import annotations

from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from benchmarks.peers import timed
from resources.local.replication import LocalReplication
from resources.objects import LakeResource, ObjectStore
from resources.replication import LoadRequest, SourceTable

SOURCE, LOAD_ID = "bench", "20170101T000000Z-0001"


def load(database: str, table: str, folder: Path) -> None:
    """Files in the shapes of DMS, and the load's report."""
    replication, at = LocalReplication(), connection_of(database)
    request = LoadRequest(SOURCE, LOAD_ID, replication.clock(at), (source_table(table),))
    replication.full_load(request, connection=at, landing=landing_in(folder), log=quiet)


def connection_of(database: str) -> dict[str, str]:
    """The connection document of a database, from its address."""
    return {name: str(value) for name, value in conninfo_to_dict(database).items()}


def source_table(table: str) -> SourceTable:
    """A table of the benchmark; all have the key `id`."""
    schema, _, name = table.partition(".")
    return SourceTable(name, schema, name, ("id",))


def landing_in(folder: Path) -> ObjectStore:
    """A landing zone below a folder."""
    return LakeResource(uri=folder.absolute().as_uri()).zone("landing")


def quiet(_message: str) -> None:
    """Say nothing."""


if __name__ == "__main__":
    timed.run(load)
