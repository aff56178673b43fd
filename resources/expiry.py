"""Expiry: old snapshots leave a table's metadata, so that every commit and every plan stays cheap.

A snapshot stays while anybody may need it: the newest ones; whatever a tag or a branch names, with
all that only a branch holds; those that carry a commit which the ledger still has as open, because
they are the proof that it landed; and those that were current until lately. The hazard is that
last word: a reader holds the state that was current when it began, however long ago that had been
written. So what counts is when a snapshot was succeeded, never when it was made.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Snapshot, ancestors_of
from pyiceberg.table.update import RemoveSnapshotRefUpdate

from resources.replacing import table_moved


def expirable(
    table: Table,
    *,
    window: timedelta,
    newest: int,
    now: datetime,
    open_commits: Collection[str] = (),
    commit_property: str = "",
) -> list[Snapshot]:
    """The snapshots that nobody can need any more, oldest first.

    Args:
        table: the table as it is now.
        window: how long a snapshot stays after its successor came.
        newest: how many of the newest stay in any case.
        now: the time to count from.
        open_commits: ids of commits of which it was not recorded whether they landed.
        commit_property: the property of a snapshot that holds such an id.
    """
    metadata = table.metadata
    history = list(ancestors_of(metadata.current_snapshot(), metadata))
    kept = {snapshot.snapshot_id for snapshot in history[: max(newest, 1)]}
    kept |= _named(table, {snapshot.snapshot_id for snapshot in history})
    over = _succeeded(history)
    limit = (now - window).timestamp() * 1000

    def is_needed(snapshot: Snapshot) -> bool:
        carried = snapshot.summary.get(commit_property) if snapshot.summary else None
        # What left the history was rolled back or never published: it counts from its own time.
        ended = over.get(snapshot.snapshot_id, snapshot.timestamp_ms)
        return snapshot.snapshot_id in kept or ended > limit or carried in open_commits

    found = [each for each in metadata.snapshots if not is_needed(each)]
    return sorted(found, key=lambda snapshot: snapshot.timestamp_ms)


def expire(table: Table, snapshots: Collection[Snapshot]) -> str:
    """Take the snapshots out of the metadata, and say what stays. Their files become orphans.

    Raises:
        TableMoved: another commit came meanwhile.
    """
    ids = [snapshot.snapshot_id for snapshot in snapshots]
    try:
        table.maintenance.expire_snapshots().by_ids(ids).commit()
    except CommitFailedException as error:
        raise table_moved(table, error) from error
    table.refresh()
    current = table.current_snapshot()
    stays = current.snapshot_id if current else "none"
    return f"{len(table.metadata.snapshots)} snapshots stay, {stays} is the newest"


def names_on(table: Table, snapshots: Collection[Snapshot]) -> list[str]:
    """The tags and branches that stand on one of the snapshots; `main` is never among them."""
    ids = {snapshot.snapshot_id for snapshot in snapshots}
    refs = table.metadata.refs.items()
    return sorted(name for name, ref in refs if name != MAIN_BRANCH and ref.snapshot_id in ids)


def take_off(table: Table, names: Collection[str]) -> None:
    """End these tags and branches, so that what they stand on can expire.

    Raises:
        TableMoved: another commit came meanwhile.
    """
    if not names:
        return
    ends = tuple(RemoveSnapshotRefUpdate(ref_name=name) for name in names)
    try:
        table.catalog.commit_table(table, (), ends)
    except CommitFailedException as error:
        raise table_moved(table, error) from error
    table.refresh()


def _named(table: Table, history: Collection[int]) -> set[int]:
    """What tags and branches name; of a branch all that the table's own history does not have."""
    kept: set[int] = set()
    for name, ref in table.metadata.refs.items():
        kept.add(ref.snapshot_id)
        if name != MAIN_BRANCH and ref.snapshot_ref_type == "branch":
            head = table.metadata.snapshot_by_id(ref.snapshot_id)
            for snapshot in ancestors_of(head, table.metadata):
                if snapshot.snapshot_id in history:
                    break
                kept.add(snapshot.snapshot_id)
    return kept


def _succeeded(history: list[Snapshot]) -> dict[int, int]:
    """When each snapshot of the history stopped being current, in milliseconds; the newest has not.

    Args:
        history: newest first.
    """
    return {older.snapshot_id: newer.timestamp_ms for newer, older in pairwise(history)}
