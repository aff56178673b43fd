"""The gate in front of every published table: a commit is written aside, audited, then published.

    admit(catalog, "curated.product", commit_id, write=…, audit=…, log=…)

Readers see the table as it was until the last step, which is one swap. What the audit refuses stays
on its branch, to be looked at, until something else is published. Whatever dies on the way leaves a
branch that nobody reads: the next attempt gives it up and makes the commit again.

The hazard is a commit whose writer says that it failed. So the branch is asked, and there are three
outcomes: it landed, and goes on; it did not; or nobody can tell, and then it is not published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from resources.audit_branches import (
    AuditBranch,
    begin,
    head_of,
    publish,
    require_held,
    require_unmoved,
)
from resources.catalog import CatalogResource
from resources.errors import JobFailed, TableMoved

Write = Callable[[AuditBranch], None]
# Raises what keeps the branch's snapshot from being published.
Audit = Callable[[AuditBranch, int], None]
Made = TypeVar("Made")
ATTEMPTS = 3


def unaudited(branch: AuditBranch, snapshot: int) -> None:
    """The audit of a table about which nothing is claimed."""


def admit(
    catalog: CatalogResource,
    identifier: str,
    commit: str,
    *,
    write: Write,
    audit: Audit,
    log: Callable[[str], None],
) -> None:
    """Publish what `write` commits aside, if it commits anything and the audit lets it pass.

    Raises:
        TableMoved: somebody else committed meanwhile; nothing of this commit is to be seen.
        AuditFailed: by the audit.
        JobFailed: the writer failed, and whether it had committed could not be asked.
        Exception: whatever the writer raised, if it had not committed.
    """
    branch = begin(catalog, identifier, commit)
    try:
        write(branch)
    except Exception as failure:
        if not _landed_all_the_same(catalog, branch, failure):
            raise
        log(f"{identifier}: failed after its commit had landed: {failure}")
    snapshot = head_of(catalog, branch)
    if snapshot is None:
        return  # nothing was committed; whether anything should have been, the caller knows
    try:
        audit(branch, snapshot)
    except Exception:
        # What another has taken away is no verdict.
        require_held(catalog.table(identifier).metadata, branch, snapshot)
        raise
    publish(catalog, branch, snapshot)


def again_if_moved(make: Callable[[], Made], log: Callable[[str], None]) -> Made:
    """Make something from a table's present state, and again where the table moved meanwhile.

    Raises:
        TableMoved: it moved every time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return make()
        except TableMoved as moved:
            log(f"{moved} It is made again.")
    return make()


def _landed_all_the_same(catalog: CatalogResource, branch: AuditBranch, failure: Exception) -> bool:
    try:
        table = catalog.table(branch.table)
    except Exception as blindness:
        raise JobFailed(
            f"commit {branch.commit} of {branch.table}",
            found=f"a failure ({failure}), and then a catalog that could not be asked whether the "
            "commit had landed",
            expected="a commit that is known to have landed or not",
            next_move="materialize the asset again: it looks before it does anything",
        ) from blindness
    has_landed = branch.name in table.metadata.refs
    if not has_landed:
        require_unmoved(table.metadata, branch)
    return has_landed
