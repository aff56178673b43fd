"""The sensors: what landed is accepted, and what changed upstream is followed.

Events are hints; the listing of landing against the ledger is the truth. So the landing sensor asks
what is pending, every time, and keeps no cursor that could drift. The hazard is the hot loop: what
cannot be accepted stays pending. A failed run is therefore asked for again only after a pause that
doubles with every failure of the same work.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of sensors as types.

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from product360_assets.automation.abandoned import end_abandoned_runs
from product360_assets.automation.jobs import AcceptJob, accept_name
from product360_assets.core.contract import SourceContract
from product360_assets.core.in_force import in_force, said_of
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.curated.commits import digest_of
from product360_assets.raw.pending import pending_landing_dates
from resources.ledger import LedgerResource
from resources.objects import LakeResource
from resources.registry import RegistryResource

EVERY_HALF_MINUTE = 30
PENDING_TAG = "product360/pending"
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def landing_arrivals(
    contracts: Sequence[SourceContract], accepting: Sequence[AcceptJob]
) -> dg.SensorDefinition:
    """Requests one run per system that has something to accept, of its accepting job."""

    @dg.sensor(
        name="landing_arrivals",
        jobs=accepting,
        minimum_interval_seconds=EVERY_HALF_MINUTE,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Accepts what was delivered, by comparing the landing zone with the ledger.",
    )
    def look(
        context: dg.SensorEvaluationContext,
        ledger: LedgerResource,
        lake: LakeResource,
        registry: RegistryResource,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        end_abandoned_runs(context.instance, context.log.info)
        opened, published = ledger.open(), registry.open()
        requested = 0
        paused: list[str] = []
        for declared in contracts:
            if said := said_of(published.switches(declared.name)):
                context.log.info(f"{declared.name} is {said}")
                paused.append(f" {declared.name} is {said}.")
                continue
            contract = in_force(published, declared).contract
            days = pending_landing_dates(contract, ledger=opened, lake=lake)
            work = digest_of(day.isoformat() for day in days)
            if not days or is_under_way(context.instance, contract.name, work):
                continue
            register_landing_dates(context.instance, contract.name, days)
            tags = {**run_tags(context.instance, contract.name, days), PENDING_TAG: work}
            yield dg.RunRequest(job_name=accept_name(contract.name), tags=tags)
            requested += 1
        if not requested:
            yield dg.SkipReason(
                "Everything that was delivered is accepted or under way." + "".join(paused)
            )

    return look


def is_under_way(
    instance: dg.DagsterInstance, system: str, work: str, *, now: datetime | None = None
) -> bool:
    """Whether a run for the system is unfinished, or failed at this work too short a time ago."""
    job = accept_name(system)
    if instance.get_run_records(dg.RunsFilter(job_name=job, statuses=UNFINISHED), limit=1):
        return True
    tried = instance.get_run_records(
        dg.RunsFilter(job_name=job, tags={PENDING_TAG: work}), limit=10
    )
    if not tried:
        return False
    pause = min(FIRST_PAUSE * 2 ** (len(tried) - 1), LONGEST_PAUSE)
    last = datetime.fromtimestamp(tried[0].update_timestamp.timestamp(), UTC)
    retry_at: datetime = last + pause
    return retry_at > (now or datetime.now(UTC))


def upstream_changes() -> dg.AutomationConditionSensorDefinition:
    """Evaluates the automation condition of every asset."""
    return dg.AutomationConditionSensorDefinition(
        "upstream_changes",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=EVERY_HALF_MINUTE,
        description="Lets tables follow what they are made from.",
    )
