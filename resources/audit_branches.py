"""Where a commit waits until it has been audited: a branch of its table, beside `main`.

    branch = begin(catalog, "curated.product", commit_id)     # what is made now, is made from this
    ...                                                        # some engine commits, unknowingly
    publish(catalog, branch, head_of(catalog, branch))        # one swap: `main` is the branch

Readers read `main`, so they see a commit as a whole and audited, or not at all. An engine that can
write no branch needs none: on its way to the catalog, what it does to `main` is done to the branch
(`audit_commits`). On a cluster Iceberg's own setting does it (`spark.wap.branch`, `take_branches`).

The hazard is `main` that moves meanwhile, by compaction or by another writer: what was made from
its former state must not be put on top, or the other's commit is lost without a word. So a branch
names its state; once that is not `main` any more, its commit and its publication are refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.branch_writers import require_one_job
from resources.catalog import CatalogResource
from resources.errors import ServiceUnavailable, TableMissing, TableMoved

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate

MAIN = "main"
PREFIX = "audit-"
# What was published last, as `<commit> <snapshot>`: it stays when the snapshot has expired.
LAST_PUBLISHED = "product360.last-published"
_TRIES = 10
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class AuditBranch:
    """The branch on which one commit to one table lands.

    Attributes:
        table: its identifier, such as `curated.product`.
        commit: id of the commit to come.
        base: the snapshot of `main` that it is made from; None for a table that has none.
    """

    table: str
    commit: str
    base: int | None

    @property
    def name(self) -> str:
        """Its name in the table."""
        return f"{PREFIX}{self.commit}"


def begin(catalog: CatalogResource, identifier: str, commit: str) -> AuditBranch:
    """A branch that starts from the table's present state.

    What an earlier attempt at the same commit left on its branch is given up: it was refused, or
    nobody published it.

    Raises:
        TableMissing: the catalog has no such table.
        ServiceUnavailable: the catalog was busy all the time.
    """
    catalog.take_branches(identifier)
    for _ in range(_TRIES):
        table = catalog.table(identifier)
        branch = AuditBranch(identifier, commit, _head(table.metadata, MAIN))
        if branch.name not in table.metadata.refs:
            return branch
        refusal = _give_up(table, branch)
        if refusal is not None:
            time.sleep(_PAUSE_SECONDS)
    raise _busy(identifier, f"to give up {branch.name}", refusal) from refusal


def waiting(catalog: CatalogResource, identifier: str) -> Mapping[str, int]:
    """Commits that wait to be published, or were refused: snapshots by branch, the newest last."""
    metadata = catalog.table(identifier).metadata
    landed = {name: _head(metadata, name) for name in _waiting_in(metadata)}
    order = [each.snapshot_id for each in metadata.snapshots]
    found = [(name, number) for name, number in landed.items() if number is not None]
    return dict(sorted(found, key=lambda each: order.index(each[1])))


def unpublished_snapshot(catalog: CatalogResource, identifier: str) -> int:
    """The snapshot of the table's commit that waits to be published, or was refused.

    Raises:
        TableMissing: there is no such table, or no such commit.
    """
    snapshots = list(waiting(catalog, identifier).values())
    if not snapshots:
        raise TableMissing(
            f"unpublished rows of {identifier}",
            found="none",
            expected="a commit that an audit refused, or that was never audited",
            next_move="ask without --unpublished: the table holds everything",
        )
    return snapshots[-1]


def head_of(catalog: CatalogResource, branch: AuditBranch) -> int | None:
    """The snapshot that was committed to the branch; None as long as there is none."""
    return _head(catalog.table(branch.table).metadata, branch.name)


def require_unmoved(metadata: TableMetadata, branch: AuditBranch) -> None:
    """Go on only while `main` is what the branch starts from.

    Raises:
        TableMoved: another commit was faster.
    """
    now = _head(metadata, MAIN)
    if now != branch.base:
        raise TableMoved(
            f"table {branch.table}",
            found=f"snapshot {now}, since somebody else has committed",
            expected=f"snapshot {branch.base}, from which {branch.name} is made",
            next_move="make it again, from what stands there now",
        )


def publish(catalog: CatalogResource, branch: AuditBranch, snapshot: int) -> None:
    """Let `main` be the branch's snapshot, in one swap, and end the branch.

    Whatever else waits ends with it, as it was made from a state that is no more.

    Raises:
        TableMoved: another commit was faster, or the branch holds something else by now.
        ServiceUnavailable: the catalog was busy all the time.
        Exception: whatever else kept the catalog from it.
    """
    from pyiceberg.exceptions import CommitFailedException

    for _ in range(_TRIES):
        table = catalog.table(branch.table)
        if _is_published(table, branch, snapshot):
            return
        require_held(table.metadata, branch, snapshot)
        failure = _swap(table, branch, snapshot)
        if failure is None or _is_published(catalog.table(branch.table), branch, snapshot):
            return  # perhaps its answer was lost
        if not isinstance(failure, CommitFailedException):
            raise failure
        time.sleep(_PAUSE_SECONDS)
    raise _busy(branch.table, f"to publish {branch.name}", failure) from failure


def published_and_expired(catalog: CatalogResource, identifier: str, commit: str) -> int | None:
    """The snapshot of a commit that was published last and has expired since; else None.

    One that is still there, and not part of the table, was rolled back.
    """
    metadata = catalog.table(identifier).metadata
    last, _, snapshot = metadata.properties.get(LAST_PUBLISHED, "").partition(" ")
    if last != commit or metadata.snapshot_by_id(int(snapshot)) is not None:
        return None
    return int(snapshot)


def _give_up(table: Table, branch: AuditBranch) -> Exception | None:
    """Try to end a branch; the refusal where somebody else has committed meanwhile."""
    from pyiceberg.exceptions import CommitFailedException
    from pyiceberg.table.update import RemoveSnapshotRefUpdate

    try:
        table.catalog.commit_table(table, (), (RemoveSnapshotRefUpdate(ref_name=branch.name),))
    except CommitFailedException as refusal:
        return refusal
    return None


def _swap(table: Table, branch: AuditBranch, snapshot: int) -> Exception | None:
    """Try to publish; the failure where there was one, which may have come after the swap."""
    from pyiceberg.table.refs import SnapshotRefType
    from pyiceberg.table.update import (
        AssertRefSnapshotId,
        RemoveSnapshotRefUpdate,
        SetPropertiesUpdate,
        SetSnapshotRefUpdate,
    )

    requirements = (
        AssertRefSnapshotId(ref=MAIN, snapshot_id=branch.base),
        AssertRefSnapshotId(ref=branch.name, snapshot_id=snapshot),
    )
    updates: tuple[TableUpdate, ...] = (
        SetSnapshotRefUpdate(
            ref_name=MAIN,
            type=SnapshotRefType.BRANCH,
            snapshot_id=snapshot,
            max_ref_age_ms=None,
            max_snapshot_age_ms=None,
            min_snapshots_to_keep=None,
        ),
        *(RemoveSnapshotRefUpdate(ref_name=name) for name in _waiting_in(table.metadata)),
        SetPropertiesUpdate(updates={LAST_PUBLISHED: said_of(branch.commit, snapshot)}),
    )
    try:
        table.catalog.commit_table(table, requirements, updates)
    except Exception as failure:  # noqa: BLE001 - whatever it was, the table is asked what is so
        return failure
    return None


def _busy(identifier: str, what: str, refusal: Exception | None) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"table {identifier}",
        found=f"a catalog that refused {_TRIES} times {what} ({refusal})",
        expected="one swap",
        next_move="materialize the asset again",
    )


def require_held(metadata: TableMetadata, branch: AuditBranch, snapshot: int) -> None:
    """Go on only while the branch holds that snapshot, and `main` is where it was.

    Raises:
        TableMoved: another commit was faster, or another attempt has taken the branch's place.
    """
    require_unmoved(metadata, branch)
    there = _head(metadata, branch.name)
    if there != snapshot:
        raise TableMoved(
            f"branch {branch.name} of {branch.table}",
            found=f"snapshot {there}" if there is not None else "no such branch",
            expected=f"snapshot {snapshot}, which was audited",
            next_move="make it again: another attempt has taken its place",
        )
    require_one_job(metadata, branch, snapshot)


def _waiting_in(metadata: TableMetadata) -> list[str]:
    return [name for name in metadata.refs if name.startswith(PREFIX)]


def _head(metadata: TableMetadata, ref: str) -> int | None:
    found = metadata.refs.get(ref)
    return None if found is None else found.snapshot_id


def _is_published(table: Table, branch: AuditBranch, snapshot: int) -> bool:
    return table.metadata.properties.get(LAST_PUBLISHED) == said_of(branch.commit, snapshot)


def said_of(commit: str, snapshot: int) -> str:
    """What a table says of its last publication, as `LAST_PUBLISHED`."""
    return f"{commit} {snapshot}"
