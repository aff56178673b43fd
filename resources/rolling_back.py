"""Going back: a table's `main` is set to a state that it had before, in one swap.

No file is written or removed, so what was left can be gone back to as long as it is kept. The
hazards are two. A state that was never published, such as one that an audit refused, must not come
to readers this way. And what the table says was published last must be what it goes back to: once
the state that was left has expired, nothing else would tell that it is not part of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    RemovePropertiesUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    TableUpdate,
)

from resources.audit_branches import LAST_PUBLISHED, said_of
from resources.errors import TableMissing
from resources.replacing import table_moved

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


def earlier_state(table: Table, to: str) -> Snapshot:
    """The state that bears the tag, or has the id, if the table ever had it and has another now.

    Raises:
        TableMissing: there is no such state to go back to.
    """
    metadata = table.metadata
    tags = {
        name: ref.snapshot_id
        for name, ref in metadata.refs.items()
        if ref.snapshot_ref_type == SnapshotRefType.TAG
    }
    # A digit is never the first character of a tag.
    wanted = tags.get(to, int(to) if to.isdecimal() else None)
    once = {entry.snapshot_id for entry in metadata.snapshot_log} | set(tags.values())
    found = metadata.snapshot_by_id(wanted) if wanted in once else None
    current = table.current_snapshot()
    if found is None:
        raise _nowhere(table, f"no state {to} among those that it had and keeps")
    if current is None or found.snapshot_id == current.snapshot_id:
        raise _nowhere(table, f"that it is in state {to} already")
    return found


def roll_back(table: Table, to: Snapshot, *, commit_property: str) -> None:
    """Let readers see that state from now on.

    Args:
        table: the table as it was looked at; if it has moved since, nothing happens.
        to: from `earlier_state`.
        commit_property: the property of a snapshot that holds the id of its commit.

    Raises:
        TableMoved: another commit came meanwhile.
    """
    current = table.current_snapshot()
    assert current is not None
    unmoved = AssertRefSnapshotId(ref=MAIN_BRANCH, snapshot_id=current.snapshot_id)
    back = SetSnapshotRefUpdate(
        ref_name=MAIN_BRANCH,
        type=SnapshotRefType.BRANCH,
        snapshot_id=to.snapshot_id,
        max_ref_age_ms=None,
        max_snapshot_age_ms=None,
        min_snapshots_to_keep=None,
    )
    try:
        table.catalog.commit_table(table, (unmoved,), (back, *_said(table, to, commit_property)))
    except CommitFailedException as error:
        raise table_moved(table, error) from error


def _said(table: Table, to: Snapshot, commit_property: str) -> tuple[TableUpdate, ...]:
    """What was published last is the commit of that state, where it carries one."""
    said: Mapping[str, str] = to.summary.additional_properties if to.summary else {}
    if commit := said.get(commit_property):
        return (SetPropertiesUpdate(updates={LAST_PUBLISHED: said_of(commit, to.snapshot_id)}),)
    if LAST_PUBLISHED in table.properties:
        return (RemovePropertiesUpdate(removals=[LAST_PUBLISHED]),)
    return ()


def _nowhere(table: Table, found: str) -> TableMissing:
    metadata = table.metadata
    tags = [
        name for name, ref in metadata.refs.items() if ref.snapshot_ref_type == SnapshotRefType.TAG
    ]
    now = metadata.current_snapshot_id
    ids = [str(each.snapshot_id) for each in metadata.snapshot_log if each.snapshot_id != now]
    return TableMissing(
        f"table {'.'.join(table.name())}",
        found=found,
        expected=f"one of {', '.join([*sorted(tags), *ids[-10:]]) or 'no state: it has one only'}",
        next_move="choose one of these; others went by `product360 maintain` or `product360 erase`",
    )
