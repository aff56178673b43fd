"""The two kinds of step that make tables: taking clean batches in, and deriving from other tables.

An asset module says what its table is made from and what must hold for it; how that becomes an
asset stands here. A step that finds nothing to do succeeds and says "unchanged": it has looked, and
the table is as new as its inputs.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, TypeAlias

import dagster as dg

from product360_assets.core.contract import SourceContract, known_contracts
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import in_force
from product360_assets.core.keys import clean_key
from product360_assets.curated.audit import TableAudit, audited, said_to
from product360_assets.curated.claims import Claim
from product360_assets.curated.derive import Derivation, Deriver, Properties, Write
from product360_assets.curated.gate import Audit
from product360_assets.curated.lineage import remember
from product360_assets.curated.plots import Plot, last_said, plots_of
from product360_assets.curated.presentation import asset_key, materialized, table_spec
from product360_assets.curated.publish import Publication, Published, Publisher
from product360_assets.curated.since import Since, since
from resources.audit_branches import AuditBranch
from resources.catalog import CatalogResource
from resources.jobs import JobReport, JobRequest, JobRunner, facts_of
from resources.ledger import Ledger, LedgerResource
from resources.locks import holding
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.warehouse import WarehouseResource
from spark.bundle import code_version
from spark.tables import Table

# What computes the tables that jobs make, as a kind.
JOB_KIND = "spark"
# One publisher at a time, in whichever run of this instance: two of one table would do the same
# work twice. The ledger's lock of the table says the same to everybody else.
PUBLISHERS = "publishers"
# What a job is told besides its inputs, by what tells the contract in force of a source.
Parameters: TypeAlias = Callable[[Callable[[str], SourceContract]], Mapping[str, Any]]


def publication_asset(
    publication: Publication,
    *,
    claims: Sequence[Claim] = (),
    upstream: Iterable[Table] = (),
    parameters: Parameters = lambda _contract: {},
    plots: Iterable[Plot] = (),
) -> dg.AssetsDefinition:
    """The asset that takes clean batches into a table.

    Args:
        publication: the table, its job and the clean tables it reads.
        claims: what must hold of the table before readers see it, if it is to block.
        upstream: published tables that the job looks things up in.
        parameters: the rest of the job's spec, asked for when the step runs; it is given what tells
            the contract in force of a source, by its name.
        plots: what a run shows of the table; without any, its rows by week if it has a day.
    """
    table = publication.table
    shown = plots_of(table, plots)
    cleaned = [clean_key(each.source, each.table) for each in publication.inputs]
    spec = table_spec(
        table,
        deps=[*cleaned, *(asset_key(other) for other in upstream)],
        made_with=JOB_KIND,
        code_version=code_version(),
        job=publication.job,
    )

    spec = audited(spec, table, claims)

    @dg.multi_asset(name=f"{table.zone}_{table.name}", specs=[spec], pool=PUBLISHERS)
    def publish(
        context: dg.AssetExecutionContext,
        ledger: LedgerResource,
        catalog: CatalogResource,
        runner: JobRunner,
        warehouse: WarehouseResource,
        registry: RegistryResource,
        lake: LakeResource,
    ) -> dg.MaterializeResult[None]:
        def contract(source: str) -> SourceContract:
            return in_force(registry.open(), known_contracts()[source]).contract

        with explained_failures(), alone(context, table, ledger) as opened:
            audit = TableAudit(table, claims, opened, catalog, warehouse, lake, said_to(context))
            publisher = Publisher(
                opened, catalog, runner, context.log.info, context.run.run_id, audit
            )
            published = publisher.publish(publication, parameters(contract))
            remember(catalog, table, published.report)
            return materialized(
                table,
                catalog,
                warehouse,
                facts=_published_facts(published),
                plots=shown,
                before=last_said(context.instance, spec.key),
            )

    return publish


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


def job_table_asset(made: JobTable) -> dg.AssetsDefinition:
    """The asset that lets a job derive a table."""
    table = made.table
    shown = plots_of(table, made.plots)
    spec = table_spec(
        table,
        deps=[asset_key(other) for other in made.upstream],
        made_with=JOB_KIND,
        code_version=code_version(),
        job=made.job,
    )

    spec = audited(spec, table, made.claims)

    @dg.multi_asset(name=f"{table.zone}_{table.name}", specs=[spec], pool=PUBLISHERS)
    def derive(
        context: dg.AssetExecutionContext,
        ledger: LedgerResource,
        catalog: CatalogResource,
        runner: JobRunner,
        warehouse: WarehouseResource,
        lake: LakeResource,
    ) -> dg.MaterializeResult[None]:
        with explained_failures(), alone(context, table, ledger) as opened:
            derivation = Derivation(
                table,
                upstream=tuple(other.identifier for other in made.upstream),
                as_of=made.as_of(warehouse, opened),
                code_version=runner.code_version(),
                parameters=made.parameters,
                is_kept=made.is_kept,
            )

            told: dict[str, Any] = {}

            def write(properties: Properties, branch: AuditBranch) -> None:
                changed = since(catalog, branch, properties) if made.is_kept else None
                request = _job_request(made.job, derivation, properties, branch, changed)
                report = runner.run(request, log=context.log.info)
                remember(catalog, table, report)
                # Of the attempt that is published: it may be made again, in another way.
                told.clear()
                told.update(_job_facts(report))
                if isinstance(changed, str):
                    told["made whole, as"] = changed

            audit = TableAudit(
                table, made.claims, opened, catalog, warehouse, lake, said_to(context)
            )
            return derived(
                context,
                derivation,
                write,
                audit=audit,
                catalog=catalog,
                warehouse=warehouse,
                plots=shown,
                told=told,
            )

    return derive


def alone(
    context: dg.AssetExecutionContext, table: Table, ledger: LedgerResource
) -> AbstractContextManager[Ledger]:
    """The only one that publishes this table, whatever other runs, daemons or machines do."""
    return holding(
        ledger.open(), table.identifier, work=f"run {context.run.run_id}", log=context.log.info
    )


def derived(
    context: dg.AssetExecutionContext,
    derivation: Derivation,
    write: Write,
    *,
    audit: Audit,
    catalog: CatalogResource,
    warehouse: WarehouseResource,
    plots: Sequence[Plot] = (),
    told: Mapping[str, Any] = MappingProxyType({}),
) -> dg.MaterializeResult[None]:
    """Make the table anew with `write` if what it depends on has changed, and show it.

    `told` is what `write` says of its work, if it is called.
    """
    deriver = Deriver(catalog, context.log.info, context.run.run_id, audit)
    outcome = deriver.derive(derivation, write)
    facts = {"outcome": outcome, "as of": derivation.as_of.isoformat(), **told}
    table = derivation.table
    before = last_said(context.instance, asset_key(table))
    return materialized(table, catalog, warehouse, facts=facts, plots=plots, before=before)


def _job_request(
    job: str,
    derivation: Derivation,
    properties: Properties,
    branch: AuditBranch,
    changed: Since | str | None,
) -> JobRequest:
    identifier = derivation.table.identifier
    return JobRequest(
        job=job,
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


def _published_facts(published: Published) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "outcome": published.outcome,
        "batches taken in": len(published.batch_ids),
        "rows taken in": published.rows,
    }
    if published.contracts:
        facts["contract versions"] = published.contracts
    return {**facts, **(_job_facts(published.report) if published.report else {})}


def _job_facts(report: JobReport) -> dict[str, Any]:
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
