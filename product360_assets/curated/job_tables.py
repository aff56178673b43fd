"""Tables that a job makes from published tables: what they are, and how the job is asked.

The job is told the inputs and the day; one that can bring its table up to date is also told what
has changed since the table was made (`since`).

The hazard is an attempt that was made again: facts of a first one, in another way and from another
state, would be told of the one that was published. So each attempt forgets what the last one told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from product360_assets.curated.claims import Claim
from product360_assets.curated.derive import Derivation, Properties
from product360_assets.curated.lineage import remember
from product360_assets.curated.plots import Plot
from product360_assets.curated.since import Since, since
from resources.audit_branches import AuditBranch
from resources.catalog import CatalogResource
from resources.jobs import JobReport, JobRequest, JobRunner, facts_of
from resources.ledger import Ledger
from resources.warehouse import WarehouseResource
from spark.tables import Table


@dataclass(frozen=True)
class JobTable:
    """A table that a job makes from published tables.

    `as_of` finds the last business day that the table may know of; `plots` are what a run shows of
    the table, by default its rows by week if it has a day; `claims` are what must hold of the table
    before readers see it; `is_kept` says that the job can be told what has changed `since` the
    table was made, and then brings it up to date instead of making it whole.
    """

    table: Table
    job: str
    upstream: tuple[Table, ...]
    as_of: Callable[[WarehouseResource, Ledger], date]
    parameters: Mapping[str, Any]
    plots: tuple[Plot, ...] = ()
    claims: tuple[Claim, ...] = ()
    is_kept: bool = False

    def derivation(
        self, warehouse: WarehouseResource, ledger: Ledger, runner: JobRunner
    ) -> Derivation:
        """What the table is to be made from now.

        Raises:
            TableMissing: no business day is closed yet.
        """
        return Derivation(
            self.table,
            upstream=tuple(other.identifier for other in self.upstream),
            as_of=self.as_of(warehouse, ledger),
            code_version=runner.code_version(),
            parameters=self.parameters,
            is_kept=self.is_kept,
        )


@dataclass(frozen=True)
class JobWriter:
    """Writes a table by its job; see `derive.Write`. `told` is what the last attempt tells."""

    made: JobTable
    derivation: Derivation
    catalog: CatalogResource
    runner: JobRunner
    log: Callable[[str], None]
    told: dict[str, Any] = field(default_factory=dict)

    def __call__(self, properties: Properties, branch: AuditBranch) -> None:
        """Have the job make the table what it is to be, in one commit on the branch."""
        changed = since(self.catalog, branch, properties) if self.made.is_kept else None
        report = self.runner.run(self._request(properties, branch, changed), log=self.log)
        remember(self.catalog, self.made.table, report)
        self.told.clear()
        self.told.update(job_facts(report))
        if isinstance(changed, str):
            self.told["made whole, as"] = changed

    def _request(
        self, properties: Properties, branch: AuditBranch, changed: Since | str | None
    ) -> JobRequest:
        derivation, identifier = self.derivation, self.made.table.identifier
        return JobRequest(
            job=self.made.job,
            name=f"{identifier}-as-of-{derivation.as_of.isoformat()}",
            spec={
                "as_of_date": derivation.as_of.isoformat(),
                "inputs": {name: f"lake.{name}" for name in derivation.upstream},
                "target": f"lake.{identifier}",
                **derivation.parameters,
                **({"since": changed.document()} if isinstance(changed, Since) else {}),
            },
            commit=properties,
            branch=branch,
        )


def job_facts(report: JobReport) -> dict[str, Any]:
    """The job's own numbers, added up over its batches."""
    facts: dict[str, Any] = {
        "job seconds": round(report.seconds, 2),
        "job report": report.report_uri,
        **facts_of([report]),
    }
    for result in report.results:
        for name, text in result.details.items():
            if text.isdigit():
                facts[name] = facts.get(name, 0) + int(text)
    return facts
