"""States of a table in time: which snapshot was current at a moment, or bears a tag.

The hazard is a table that was rolled back: a snapshot that was left that way is older than the
moment and never counted again. So the table's own log of what was current is asked, not the times
of its snapshots. Where states have expired in between, a moment has no answer; a tag always has.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from resources.errors import TableMissing

if TYPE_CHECKING:
    from pyiceberg.table import Table


def snapshot_to_read(
    identifier: str, table: Table, *, as_of: datetime | str | None, at: Mapping[str, int]
) -> int | None:
    """The snapshot that `at` names for the table, else that of the moment or tag; None: the newest.

    Raises:
        TableMissing: see `snapshot_as_of`.
    """
    if identifier in at:
        return at[identifier]
    return None if as_of is None else snapshot_as_of(table, as_of)


def snapshot_as_of(table: Table, as_of: datetime | str) -> int:
    """The id of the snapshot that was current then, or that bears the tag.

    Raises:
        TableMissing: no such tag, or nothing that is still kept was current then.
    """
    if isinstance(as_of, str):
        ref = table.metadata.refs.get(as_of)
        if ref is None:
            return _missing(table, f"no tag {as_of}", f"one of {_tags(table)}")
        if ref.snapshot_ref_type != "tag":
            return _missing(table, f"a branch {as_of}, which moves on", f"one of {_tags(table)}")
        return ref.snapshot_id
    limit = as_of.astimezone(UTC).timestamp() * 1000
    log = table.metadata.snapshot_log
    past = [entry.snapshot_id for entry in log if entry.timestamp_ms <= limit]
    if past and _was_followed_by(
        table, past[-1], [entry.snapshot_id for entry in log[len(past) :]]
    ):
        return past[-1]
    first = min((each.timestamp_ms for each in table.metadata.snapshots), default=None)
    since = "nothing" if first is None else f"{datetime.fromtimestamp(first / 1000, UTC):%F %T} UTC"
    return _missing(table, f"no state as of {as_of:%F %T}", f"a moment since {since}")


def _was_followed_by(table: Table, state: int, later: list[int]) -> bool:
    """Whether nothing has expired between the state and what the log says came next.

    What expires leaves the log too; an older state must not answer for it.
    """
    if table.metadata.snapshot_by_id(state) is None:
        return False
    if not later:
        return True
    following = table.metadata.snapshot_by_id(later[0])
    return following is not None and following.parent_snapshot_id == state


def _tags(table: Table) -> str:
    names = [name for name, ref in table.metadata.refs.items() if ref.snapshot_ref_type == "tag"]
    return ", ".join(sorted(names)) or "its tags, but it has none"


def _missing(table: Table, found: str, expected: str) -> int:
    raise TableMissing(
        f"table {'.'.join(table.name())}",
        found=found,
        expected=expected,
        next_move="ask for another state; old ones go by `product360 maintain`, unless tagged, and "
        "those with somebody who was erased by `product360 erase`",
    )
