"""The two kinds of step that make tables: taking clean batches in, and deriving from other tables.

An asset module says what its table is made from and what must hold for it; how that becomes an
asset stands here. A step that finds nothing to do succeeds and says "unchanged": it has looked, and
the table is as new as its inputs.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, TypeAlias

import dagster as dg

from product360_assets.core.contract import SourceContract, known_contracts
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import in_force
from product360_assets.core.keys import clean_key
from product360_assets.curated.audit import TableAudit, audited
from product360_assets.curated.claims import Claim
from product360_assets.curated.derive import Derivation, Deriver, Write
from product360_assets.curated.gate import Audit
from product360_assets.curated.job_tables import JobTable, JobWriter, job_facts
from product360_assets.curated.lineage import remember
from product360_assets.curated.plots import Plot, last_said, plots_of
from product360_assets.curated.presentation import asset_key, materialized, table_spec
from product360_assets.curated.proofs import RunLog
from product360_assets.curated.publish import Publication, Published, Publisher
from resources.catalog import CatalogResource
from resources.jobs import JobRunner
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
            audit = TableAudit(table, claims, opened, catalog, warehouse, lake, RunLog(context))
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
            derivation = made.derivation(warehouse, opened, runner)
            writer = JobWriter(made, derivation, catalog, runner, context.log.info)
            audit = TableAudit(
                table, made.claims, opened, catalog, warehouse, lake, RunLog(context)
            )
            return derived(
                context,
                derivation,
                writer,
                audit=audit,
                catalog=catalog,
                warehouse=warehouse,
                plots=shown,
                told=writer.told,
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


def _published_facts(published: Published) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "outcome": published.outcome,
        "batches taken in": len(published.batch_ids),
        "rows taken in": published.rows,
    }
    if published.contracts:
        facts["contract versions"] = published.contracts
    return {**facts, **(job_facts(published.report) if published.report else {})}
