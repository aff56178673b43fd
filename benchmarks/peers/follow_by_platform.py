"""The changes of a table since the platform's load in the same folder, to the log's end."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers import timed
from benchmarks.peers.load_by_platform import (
    LOAD_ID,
    SOURCE,
    connection_of,
    landing_in,
    quiet,
    source_table,
)
from resources.local.replication import LocalReplication
from resources.replication import CapturedTable, ChangeRequest

EXECUTION_ID = "20170101T000000Z-0002"


def follow(database: str, table: str, folder: Path) -> None:
    """Files of changes in the shapes of DMS, and their report."""
    replication, landing = LocalReplication(), landing_in(folder)
    loaded = replication.finished_load(SOURCE, LOAD_ID, landing=landing)
    if loaded is None or loaded.position is None:
        raise ValueError(f"{folder} holds no load of {table} whose changes are captured")
    [done] = loaded.tables
    captured = CapturedTable(
        source_table(table), LOAD_ID, loaded.position, done.capture, (done.prefix,)
    )
    request = ChangeRequest(SOURCE, EXECUTION_ID, None, (captured,))
    replication.changes(request, connection=connection_of(database), landing=landing, log=quiet)


if __name__ == "__main__":
    timed.run(follow)
