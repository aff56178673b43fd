"""The clean asset of a source table: its typed rows, by landing date."""

import dagster as dg

from product360_assets.clean.columns import lineage_columns
from product360_assets.clean.replays import replay_of
from product360_assets.clean.said import by_day, check_results, preview_of
from product360_assets.clean.watch import clean_deliveries, rows_by_day
from product360_assets.clean.work import Cleaning
from product360_assets.core.checks import (
    NO_ROWS_ARE_QUARANTINED,
    ROWS_ARE_ACCOUNTED_FOR,
    advisory_check,
    blocking_check,
    rule_descriptions,
)
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.failures import explained_failures
from product360_assets.core.keys import clean_key, raw_key
from product360_assets.core.metadata import column_lineage, column_schema
from product360_assets.core.partitions import days_of, landing_dates
from product360_assets.core.references import contract_reference
from product360_assets.ingestion.assets import table_tags
from resources.jobs import JobRunner
from resources.ledger import LedgerResource
from resources.objects import LakeResource

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
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        opened, days = ledger.open(), days_of(context.partition_keys)
        with explained_failures():
            cleaning = Cleaning(
                contract,
                table,
                opened,
                lake,
                runner,
                context.log.info,
                replay=replay_of(context.run.tags),
            )
            cleaned = cleaning.clean(days)
        for day, said in by_day(days, cleaned).items():
            context.add_asset_metadata(said, partition_key=day)
        # What a run says is kept once for each of its partitions: no pictures for a whole year.
        few = len(days) <= FEW_DAYS
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": lake.zone("clean").uri_of(f"{contract.name}/{table.name}"),
                "jobs": len(cleaned.reports),
                "job seconds": sum(report.seconds for report in cleaned.reports),
                "reports": [report.report_uri for report in cleaned.reports],
                "dagster/column_lineage": column_lineage(
                    table, raw_key(contract.name, table.name), renamed=True
                ),
                "preview": preview_of(table, cleaned.batches, lake),
                **(rows_by_day(clean_deliveries(opened, contract, table)) if few else {}),
            },
            check_results=check_results(table, key, cleaned),
        )

    return clean


def _check_specs(table: TableContract, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        blocking_check(
            ROWS_ARE_ACCOUNTED_FOR,
            key,
            "Rows read = rows kept + rows quarantined for every batch, by the job's report and by "
            "the files it wrote; and as many as the delivering side says it delivered.",
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
