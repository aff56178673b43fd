"""The graph: what the sources' YAML generates, the published tables, and when they are made.

Composition only. It loads without network, credentials or variables in every environment, and gives
the same asset keys in all of them.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg
from dagster_shared.record import replace

from product360_assets import curated, forecast, serving
from product360_assets.automation.alerts import alert_sensors
from product360_assets.automation.event_streams import event_stream_sensors
from product360_assets.automation.jobs import (
    accept_job,
    audit_job,
    ingest_job,
    maintain_job,
    publish_job,
    reconcile_job,
    validate_job,
    watch_job,
)
from product360_assets.automation.schedules import schedules
from product360_assets.automation.sensors import landing_arrivals, upstream_changes
from product360_assets.automation.source_changes import source_changes
from product360_assets.automation.streaming import stream_job, stream_schedule, stream_sensor
from product360_assets.core.contract import known_contracts
from product360_assets.governance.catalog_entries import catalog_entries_asset
from product360_assets.governance.erasures import erasures_asset
from product360_assets.governance.maintenance import maintenance_assets
from product360_assets.governance.reconciliation import reconciliation_asset
from resources.environments import platform_resources

# Every module of these rooms brings its own assets and checks.
PUBLISHED_ZONES = (curated, forecast, serving)


@dg.definitions
def defs() -> dg.Definitions:
    """Everything that Dagster is told."""
    contracts = list(known_contracts().values())
    accepting = [accept_job(contract) for contract in contracts]
    ingesting = ingest_job(contracts)
    return dg.Definitions.merge(
        source_definitions(),
        dg.Definitions(
            assets=[
                *(
                    asset
                    for zone in PUBLISHED_ZONES
                    for asset in dg.load_assets_from_package_module(zone)
                ),
                catalog_entries_asset(contracts),
                reconciliation_asset(contracts),
                erasures_asset(contracts),
                *maintenance_assets(),
            ],
            asset_checks=[
                check
                for zone in PUBLISHED_ZONES
                for check in dg.load_asset_checks_from_package_module(zone)
            ],
            jobs=[
                ingesting,
                *accepting,
                publish_job(),
                watch_job(contracts),
                validate_job(contracts),
                reconcile_job(),
                audit_job(contracts),
                maintain_job(),
                stream_job(),
            ],
            schedules=[*schedules(), stream_schedule()],
            sensors=[
                source_changes(contracts, ingesting),
                *event_stream_sensors(contracts, ingesting),
                landing_arrivals(contracts, accepting),
                upstream_changes(),
                stream_sensor(),
                *alert_sensors(),
            ],
            resources=platform_resources(),
            # One process and one engine session for all steps of a run.
            executor=dg.in_process_executor,
        ),
    )


def source_definitions() -> dg.Definitions:
    """What the YAML of every source system generates.

    As `dg.load_from_defs_folder` does, but without importing every component of every installed
    package to describe it to the UI: that is three seconds of each process's start.
    """
    with warnings.catch_warnings():
        # Beta and preview marks of Dagster's own component machinery, one for each asset.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        tree = dg.ComponentTree.for_project(Path(__file__).parent)
        built = tree.build_defs_at_path(tree.defs_module_path)
        # The tree gives checks back as assets; Dagster would make checks of them again later on,
        # and warn at each.
        checks = [
            dg.AssetChecksDefinition(**each.get_attributes_dict())
            for each in built.asset_checks or ()
        ]
        return replace(built, asset_checks=checks)
