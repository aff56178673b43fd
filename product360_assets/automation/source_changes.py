"""The sensor that asks sources, each as often as it has something to say.

A database that can say at no cost whether its log of changes has gone on is asked at every tick.
All other systems are asked at the shortest cadence of their tables, counted from when they were
asked last, by whomever.

The hazard is a source that is down: each run that asks it fails. A failed run is therefore followed
by a pause that doubles with every failure in a row.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of sensors as types.

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import dagster as dg

from product360_assets.automation.jobs import ALL_SOURCES, INGEST, SOURCE_TAG, AcceptJob
from product360_assets.automation.sensors import (
    EVERY_HALF_MINUTE,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    UNFINISHED,
)
from product360_assets.automation.sources_now import sources_now
from product360_assets.core.contract import SourceContract
from product360_assets.core.fetching import Cadence
from product360_assets.core.keys import landing_key
from product360_assets.ingestion.landed import field_checks
from resources.errors import Product360Error
from resources.registry import RegistryResource
from resources.replication import ReplicationResource
from resources.secrets import SecretsResource

CADENCES: dict[Cadence, timedelta] = {
    "continuous": timedelta(minutes=1),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
}
RUNS_LOOKED_AT = 10


def source_changes(
    contracts: Sequence[SourceContract], ingesting: AcceptJob
) -> dg.SensorDefinition:
    """Requests a run of `ingest` for each database or service that has something, or is due."""
    asked = [contract for contract in contracts if contract.kind in ("database", "saas")]

    @dg.sensor(
        name="source_changes",
        job=ingesting,
        minimum_interval_seconds=EVERY_HALF_MINUTE,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Fetches what changed in databases as soon as it is there, and asks services as often "
            "as they promise something new."
        ),
    )
    def look(
        context: dg.SensorEvaluationContext,
        secrets: SecretsResource,
        replication: ReplicationResource,
        registry: RegistryResource,
    ) -> dg.SensorResult:
        now = datetime.now(UTC)
        waiting = sources_now(registry.open(), asked).waiting
        requests: list[dg.RunRequest] = []
        said: list[str] = []
        for contract in asked:
            reason = (
                waiting.get(contract.name)
                or reason_to_wait(context.instance, contract, now)
                or _nothing_to_fetch(context.instance, contract, secrets, replication, now)
            )
            if reason is None:
                requests.append(request_of(contract))
            said.append(f"{contract.name}: {reason or 'asked'}")
            context.log.info(said[-1])
        reason = None if requests else "; ".join(said) or "No source has to be asked."
        return dg.SensorResult(run_requests=requests, skip_reason=reason)

    return look


def request_of(contract: SourceContract) -> dg.RunRequest:
    """A run of `ingest` for this system alone."""
    return dg.RunRequest(
        job_name=INGEST,
        asset_selection=[landing_key(contract.name, table.name) for table in contract.tables],
        # Otherwise all that are of these assets, also those that the job leaves out.
        asset_check_keys=[check.key for check in field_checks(contract)],
        tags={SOURCE_TAG: contract.name},
    )


def reason_to_wait(
    instance: dg.DagsterInstance, contract: SourceContract, now: datetime
) -> str | None:
    """Why this is not the time to ask, whatever there is to fetch; None when it is."""
    for tag in (contract.name, ALL_SOURCES):
        unfinished = dg.RunsFilter(job_name=INGEST, tags={SOURCE_TAG: tag}, statuses=UNFINISHED)
        if instance.get_run_records(unfinished, limit=1):
            return "it is being asked"
    records = instance.get_run_records(
        dg.RunsFilter(job_name=INGEST, tags={SOURCE_TAG: contract.name}), limit=RUNS_LOOKED_AT
    )
    failed = list(takewhile(lambda each: not each.dagster_run.is_success, records))
    if failed:
        pause = min(FIRST_PAUSE * 2 ** (len(failed) - 1), LONGEST_PAUSE)
        if (until := failed[0].update_timestamp + pause) > now:
            return f"asking failed {len(failed)} times in a row; again at {until:%H:%M} UTC"
    return None


def _nothing_to_fetch(
    instance: dg.DagsterInstance,
    contract: SourceContract,
    secrets: SecretsResource,
    replication: ReplicationResource,
    now: datetime,
) -> str | None:
    """Why there is nothing to fetch; None when there is."""
    try:
        connection = secrets.get(contract.connection or "")
        is_database = contract.kind == "database"
        found = replication.pending(connection, contract.name) if is_database else None
    except Product360Error as error:
        # Its parts may name a host; what is wrong is said by the run that is asked for by hand.
        return f"it cannot be asked ({type(error).__name__})"
    if found is not None:
        return None if found else "nothing has changed"
    every = min(CADENCES[table.cadence] for table in contract.tables)
    last = max(_asked(instance, contract), default=None)
    if last is not None and last + every > now:
        return f"it is asked again at {last + every:%Y-%m-%d %H:%M} UTC"
    return None


def _asked(instance: dg.DagsterInstance, contract: SourceContract) -> Iterator[datetime]:
    """When the last run began that asked this system, alone or with all others."""
    for tag in (contract.name, ALL_SOURCES):
        asked = dg.RunsFilter(job_name=INGEST, tags={SOURCE_TAG: tag})
        for record in instance.get_run_records(asked, limit=1):
            yield record.create_timestamp
