"""Takes clean batches into a published table effectively once, whatever dies in between.

The ledger is told what is about to be committed *before* the job runs (an open state), and what was
committed after. Whoever finds an open state asks the table's snapshots: the commit id is there, so
the batches are in; or it is not, and they are still to do. So there are three outcomes to tell
apart after a failure: committed, failed, and unknown (the catalog cannot be asked; the open state
stays, and the next publisher asks again). Nothing here trusts a job's exit or a run's status. What
a job has committed waits on a branch, until it is audited (`gate`): only what is published counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from product360_assets.core.states import CONTRACT_VERSION
from product360_assets.curated.commits import (
    BATCH_IDS,
    CODE_VERSION,
    COMMIT_ID,
    CONTRACTS,
    RUN_ID,
    batch_list,
    digest_of,
    snapshot_with,
)
from product360_assets.curated.gate import Audit, admit, again_if_moved, unaudited
from product360_assets.curated.job_inputs import job_inputs
from product360_assets.curated.pending import COMMITTED, OPEN, Input, InputBatch, survey
from resources.audit_branches import AuditBranch, published_and_expired
from resources.catalog import CatalogResource
from resources.errors import JobFailed
from resources.jobs import JobReport, JobRequest, JobRunner
from resources.ledger import Ledger, ZoneState
from spark.tables import Table
from spark.tables.tombstones import tombstones_of

Outcome = Literal["published", "recovered", "unchanged"]


@dataclass(frozen=True)
class Publication:
    """One published table: its definition, the job that makes it, the clean tables it reads.

    Attributes:
        with_tombstones: whether the job reads too little of the past to know, of a change that
            comes late, that its row was deleted since; it is then given a table to remember that.
    """

    table: Table
    job: str
    inputs: tuple[Input, ...]
    with_tombstones: bool = False

    @property
    def zone(self) -> str:
        """The name under which the ledger keeps what this table took in."""
        return self.table.identifier


@dataclass(frozen=True)
class Published:
    """What publishing did. `recovered`: an earlier commit had landed and was not recorded.

    `contracts` names the versions of the contracts by which the batches were made clean.
    """

    outcome: Outcome
    batch_ids: tuple[str, ...] = ()
    rows: int = 0
    contracts: str = ""
    report: JobReport | None = None


@dataclass(frozen=True)
class _Commit:
    """One commit to come: its id, and what its snapshot will say."""

    id: str
    properties: Mapping[str, str]


@dataclass(frozen=True)
class Publisher:
    """Publishes tables for one Dagster run.

    Attributes:
        run_id: recorded with what it commits.
        audit: judges what is about to be published.
    """

    ledger: Ledger
    catalog: CatalogResource
    runner: JobRunner
    log: Callable[[str], None]
    run_id: str
    audit: Audit = unaudited

    def publish(self, publication: Publication, parameters: Mapping[str, Any]) -> Published:
        """Take in every pending batch in one commit; `parameters` are the rest of the job's spec.

        Raises:
            LedgerConflict: another publisher is at work on the same batches.
            LockLost: another publisher has taken over; nothing was published.
            AuditFailed: the rows break a blocking claim; the batches stay pending.
            TableMoved: somebody else committed to the table meanwhile, every time.
            JobFailed: the job failed and nothing was committed, or the outcome is unknown; either
                way the next call finds out and goes on.
        """
        self.catalog.ensure_table(publication.table)
        return again_if_moved(lambda: self._publish(publication, parameters), self.log)

    def _publish(self, publication: Publication, parameters: Mapping[str, Any]) -> Published:
        batches = survey(self.ledger, publication.zone, publication.inputs)
        recovered = self._recover(publication, batches)
        if recovered:
            batches = survey(self.ledger, publication.zone, publication.inputs)
        pending = [batch for batch in batches if batch.is_pending]
        if not pending:
            outcome: Outcome = "recovered" if recovered else "unchanged"
            return _published(outcome, recovered, None)
        commit = self._commit(publication, pending)
        opened = [self._open(publication, batch, commit) for batch in pending]
        spec = {
            "inputs": job_inputs(publication.inputs, batches),
            "target": f"lake.{publication.zone}",
            **self._tombstones(publication),
            **parameters,
        }
        report = self._run(publication, spec, commit, opened)
        self._close(publication, opened, commit)
        return _published("published", pending, report)

    def _tombstones(self, publication: Publication) -> dict[str, str]:
        """What the job is told of the table's tombstones, which are there then."""
        if not publication.with_tombstones:
            return {}
        tombstones = tombstones_of(publication.table)
        self.catalog.ensure_table(tombstones)
        return {"tombstones": f"lake.{tombstones.identifier}"}

    def _recover(self, publication: Publication, batches: Sequence[InputBatch]) -> list[InputBatch]:
        """Record the batches whose commit landed although nobody said so; returns them."""
        recovered = []
        snapshots: dict[str, int | None] = {}
        for batch in batches:
            commit = batch.open_commit
            if commit is None or batch.recorded is None:
                continue
            if commit not in snapshots:
                snapshots[commit] = self._snapshot(publication, commit)
            snapshot = snapshots[commit]
            if snapshot is not None:
                self._record_done(batch.recorded, snapshot)
                recovered.append(batch)
        if recovered:
            self.log(f"{publication.zone}: {len(recovered)} batches had been committed already")
        return recovered

    def _open(self, publication: Publication, batch: InputBatch, commit: _Commit) -> ZoneState:
        """Tell the ledger what is about to be committed. From here on, a crash can be told."""
        rows = batch.clean.rows_out
        state = ZoneState(
            batch_id=batch.batch.batch_id,
            zone=publication.zone,
            rows_in=rows,
            rows_out=rows,
            rows_quarantined=0,
            location=publication.table.identifier,
            unit=batch.clean.unit,
            code_version=commit.properties[CODE_VERSION],
            config_version=batch.clean.config_version,
            snapshot_id=None,
            recorded_at=datetime.now(UTC),
            details={
                "state": OPEN,
                "commit": commit.id,
                "run": self.run_id,
                **_contract_version(batch),
            },
        )
        self.ledger.record_zone(state, replacing=batch.recorded)
        return state

    def _commit(self, publication: Publication, pending: Sequence[InputBatch]) -> _Commit:
        commit_id = digest_of([publication.zone, *(batch.unit for batch in pending)])
        properties = {
            COMMIT_ID: commit_id,
            BATCH_IDS: batch_list(batch.batch.batch_id for batch in pending),
            CODE_VERSION: self.runner.code_version(),
            RUN_ID: self.run_id,
        }
        if contracts := _contracts(pending):
            properties[CONTRACTS] = contracts
        return _Commit(commit_id, properties)

    def _run(
        self,
        publication: Publication,
        spec: Mapping[str, Any],
        commit: _Commit,
        opened: Sequence[ZoneState],
    ) -> JobReport | None:
        """Run the job and publish what it committed; its report, if it lived to make one."""
        reports: list[JobReport] = []
        request = JobRequest(
            job=publication.job,
            name=f"{publication.zone}-{commit.id}",
            spec=spec,
            commit=commit.properties,
            once=COMMIT_ID,
        )

        def write(branch: AuditBranch) -> None:
            reports.append(self.runner.run(replace(request, branch=branch), log=self.log))

        def audit(branch: AuditBranch, snapshot: int) -> None:
            self.audit(branch, snapshot)
            # Says nothing new, and is refused to a publisher that has slept while another took
            # over: that one may have taken in these batches with others, by another commit.
            self.ledger.record_zone(opened[0], replacing=opened[0])

        admit(self.catalog, publication.zone, commit.id, write=write, audit=audit, log=self.log)
        return reports[0] if reports else None

    def _close(
        self, publication: Publication, opened: Sequence[ZoneState], commit: _Commit
    ) -> None:
        snapshot = self._snapshot(publication, commit.id)
        if snapshot is None and any(state.rows_in for state in opened):
            raise JobFailed(
                f"commit {commit.id} of {publication.zone}",
                found="a job that reported success and a table without its commit",
                expected="one snapshot that carries the commit's id",
                next_move="look into the job's log; the batches stay pending",
            )
        for state in opened:
            self._record_done(state, snapshot)

    def _record_done(self, state: ZoneState, snapshot: int | None) -> None:
        done = replace(
            state,
            snapshot_id=snapshot,
            recorded_at=datetime.now(UTC),
            details={**state.details, "state": COMMITTED},
        )
        self.ledger.record_zone(done, replacing=state)

    def _snapshot(self, publication: Publication, commit: str) -> int | None:
        """The snapshot by which a commit was published, even where that has expired since."""
        table = publication.table.identifier
        snapshot = snapshot_with(self.catalog, table, {COMMIT_ID: commit})
        return snapshot or published_and_expired(self.catalog, table, commit)


def _contract_version(batch: InputBatch) -> dict[str, str]:
    version = batch.contract_version
    return {} if version is None else {CONTRACT_VERSION: version}


def _contracts(batches: Sequence[InputBatch]) -> str:
    """The versions of the contracts by which the batches were made clean: `desk 1, shop 3`."""
    versions = {
        (batch.input.source, int(batch.contract_version))
        for batch in batches
        if batch.contract_version is not None
    }
    return ", ".join(f"{source} {version}" for source, version in sorted(versions))


def _published(
    outcome: Outcome, batches: Sequence[InputBatch], report: JobReport | None
) -> Published:
    return Published(
        outcome,
        tuple(batch.batch.batch_id for batch in batches),
        sum(batch.clean.rows_out for batch in batches),
        _contracts(batches),
        report,
    )
