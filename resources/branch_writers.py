"""Who has written to a branch, where no bridge stands in between to refuse a second writer.

On a cluster a job that was taken for dead may live, and commit beside the one that took its place.
Both commits are on the branch then, with the same rows twice. Apache Spark says in each snapshot
which application made it, so that two of them are told from two commits of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.errors import TableMoved

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

    from resources.audit_branches import AuditBranch

_APPLICATION = "spark.app.id"


def require_one_job(metadata: TableMetadata, branch: AuditBranch, snapshot: int) -> None:
    """Go on only if all that the branch holds beyond its base is of one job.

    Raises:
        TableMoved: two jobs have committed to it.
    """
    jobs = _jobs_since(metadata, branch.base, snapshot)
    if len(jobs) > 1:
        raise TableMoved(
            f"branch {branch.name} of {branch.table}",
            found=f"commits of {len(jobs)} jobs, one on top of the other",
            expected="those of one job",
            next_move="make it again: what is on the branch is given up then",
        )


def _jobs_since(metadata: TableMetadata, base: int | None, snapshot: int) -> set[str]:
    """The jobs of Apache Spark that committed after the base; other engines do not say who."""
    from pyiceberg.table.snapshots import ancestors_of

    jobs: set[str] = set()
    for each in ancestors_of(metadata.snapshot_by_id(snapshot), metadata):
        if each.snapshot_id == base:
            break
        if each.summary is not None and (job := each.summary.get(_APPLICATION)):
            jobs.add(job)
    return jobs
