"""The clean asset of a source table: its typed rows, by landing date."""

import dagster as dg

from product360_assets.clean.columns import lineage_columns
from product360_assets.clean.evolving import Evolved, clean_evolving
from product360_assets.clean.replays import replay_of
from product360_assets.clean.said import by_day, check_results, preview_of
from product360_assets.clean.watch import clean_deliveries, rows_by_day
from product360_assets.clean.work import Cleaning
from product360_assets.core.checks import (
    LAYOUT_IS_AS_DECLARED,
    NO_ROWS_ARE_QUARANTINED,
    ROWS_ARE_ACCOUNTED_FOR,
    advisory_check,
    blocking_check,
    rule_descriptions,
)
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import in_force
from product360_assets.core.keys import clean_key, raw_key
from product360_assets.core.metadata import column_lineage, column_schema
from product360_assets.core.partitions import days_of, landing_dates
from product360_assets.core.references import contract_reference
from product360_assets.core.states import CLEAN
from product360_assets.ingestion.assets import table_tags
from resources.jobs import JobRunner, facts_of
from resources.ledger import LedgerResource
from resources.locks import holding
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.secrets import SecretsResource

GROUP = "clean"
FEW_DAYS = 7


def clean_asset(
    contract: SourceContract, table: TableContract, *, jobs_version: str
) -> dg.AssetsDefinition:
    """Make what was accepted on the run's landing dates clean, in as few jobs as possible.

    `jobs_version` is the version of the code that the jobs run.
    """
    key = clean_key(contract.name, table.name)

    @dg.asset(
        key=key,
        deps=[raw_key(contract.name, table.name)],
        description=(
            f"{table.description}\n\nTyped, as a log of changes: every version of a row that was "
            "delivered, with where it came from. Rows that break a rule are in quarantine."
            + _said_of_treatments(table)
        ),
        group_name=GROUP,
        owners=list(contract.owners),
        tags=table_tags(contract, table),
        kinds={"spark", "parquet"},
        partitions_def=landing_dates(contract.name),
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=f"{jobs_version}-{contract.config_version(table.name)}",
        automation_condition=(
            dg.AutomationCondition.eager()
            & dg.AutomationCondition.all_deps_blocking_checks_passed()
        ),
        metadata={
            "dagster/column_schema": column_schema(table, more=lineage_columns()),
            "dagster/table_name": f"clean.{contract.name}.{table.name}",
            "cadence": table.cadence,
            "freshness (hours)": table.freshness_hours,
            **contract_reference(contract, table),
        },
        check_specs=_check_specs(table, key),
    )
    def clean(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        ledger: LedgerResource,
        runner: JobRunner,
        registry: RegistryResource,
        secrets: SecretsResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        days = days_of(context.partition_keys)
        with (
            explained_failures(),
            holding(
                ledger.open(),
                f"{CLEAN}.{contract.name}.{table.name}",
                work=f"run {context.run.run_id}",
                log=context.log.info,
            ) as opened,
        ):
            published = registry.open()
            agreed = in_force(published, contract)
            evolved = clean_evolving(
                Cleaning(
                    agreed.contract,
                    agreed.table(table.name),
                    opened,
                    lake,
                    runner,
                    context.log.info,
                    agreed.version,
                    secrets=secrets,
                    replay=replay_of(context.run.tags),
                ),
                published,
                days,
            )
        cleaned, declared = evolved.cleaned, evolved.table
        for day, said in by_day(days, cleaned).items():
            context.add_asset_metadata(said, partition_key=day)
        # What a run says is kept once for each of its partitions: no pictures for a whole year.
        few = len(days) <= FEW_DAYS
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": lake.zone("clean").uri_of(f"{contract.name}/{table.name}"),
                "contract version": evolved.version,
                "jobs": len(cleaned.reports),
                "job seconds": sum(report.seconds for report in cleaned.reports),
                "reports": [report.report_uri for report in cleaned.reports],
                **facts_of(cleaned.reports),
                "dagster/column_lineage": column_lineage(
                    declared, raw_key(contract.name, table.name), renamed=True
                ),
                "preview": preview_of(declared, cleaned.batches, lake),
                **(rows_by_day(clean_deliveries(opened, contract, table)) if few else {}),
                **_evolved_schema(evolved),
            },
            check_results=check_results(table, key, evolved),
        )

    return clean


def _evolved_schema(evolved: Evolved) -> dict[str, dg.TableSchema]:
    """The columns that clean has now, where they are more than the source's file says."""
    if not evolved.changes:
        return {}
    return {"dagster/column_schema": column_schema(evolved.table, more=lineage_columns())}


def _said_of_treatments(table: TableContract) -> str:
    treated = [f"{c.name} ({c.treatment})" for c in table.columns if c.treatment != "keep"]
    return f"\n\nTreated columns: {', '.join(treated)}." if treated else ""


def _check_specs(table: TableContract, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        blocking_check(
            ROWS_ARE_ACCOUNTED_FOR,
            key,
            "Rows read = rows kept + rows quarantined for every batch, by the job's report and by "
            "the files it wrote; and as many as the delivering side says it delivered.",
        ),
        advisory_check(
            LAYOUT_IS_AS_DECLARED,
            key,
            f"Every batch has the declared columns, of the declared types (drift: {table.drift}). "
            "A batch that is refused keeps no other one from going on.",
        ),
        advisory_check(
            NO_ROWS_ARE_QUARANTINED,
            key,
            "No row of these batches was set aside.",
        ),
        *(
            advisory_check(name, key, description)
            for name, description in rule_descriptions(table, "warn").items()
        ),
    ]
