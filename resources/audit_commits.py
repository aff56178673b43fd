"""Commits on their way to the catalog: what is done to `main` is done to an audit branch.

Both the bridge and writers of this process know no branches; they commit as if to `main`.

The hazard is a commit made from a state that is no more: a redirected one requires that `main` is
still what its branch starts from, in the catalog's own swap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.audit_branches import MAIN, AuditBranch, require_unmoved
from resources.catalog import CatalogResource

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import CommitTableResponse, Table
    from pyiceberg.table.update import TableRequirement, TableUpdate

    Commit = tuple[tuple[TableRequirement, ...], tuple[TableUpdate, ...]]


def redirected(branch: AuditBranch, commit: Commit) -> Commit:
    """The commit on the branch instead of on `main`, which must still be where it was."""
    from pyiceberg.table.update import AssertRefSnapshotId, SetSnapshotRefUpdate

    requirements, updates = commit
    aside = tuple(
        update.model_copy(update={"ref_name": branch.name})
        if isinstance(update, SetSnapshotRefUpdate) and update.ref_name == MAIN
        else update
        for update in updates
    )
    unmoved = AssertRefSnapshotId(ref=MAIN, snapshot_id=branch.base)
    return (*requirements, unmoved), aside


def branch_table(catalog: CatalogResource, branch: AuditBranch) -> Table:
    """The table for a writer of this process: what it commits to `main` lands on the branch."""
    table = catalog.table(branch.table)
    table.catalog = _Redirecting(table.catalog, branch)  # type: ignore[assignment]
    return table


class _Redirecting:
    """A catalog whose commits to one table land on a branch; everything else passes through."""

    def __init__(self, catalog: Catalog, branch: AuditBranch) -> None:
        self._catalog = catalog
        self._branch = branch

    def __getattr__(self, name: str) -> object:
        return getattr(self._catalog, name)

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        now = self._catalog.load_table(self._branch.table)
        require_unmoved(now.metadata, self._branch)
        commit = redirected(self._branch, (requirements, updates))
        return self._catalog.commit_table(now, *commit)
