"""The sensors: what landed is accepted, what changed upstream is followed.

Events are hints; the listing of landing against the ledger is the truth. So the landing sensor
remembers what events announce, asks the ledger what became of it, and now and then lists all of
landing; its cursor says when that was, and nothing is lost with it. The hazard is the hot loop:
what cannot be accepted stays pending. A failed run is therefore asked for again only after a pause
that doubles with every failure of the same work.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of sensors as types.

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from product360_assets.automation.abandoned import end_abandoned_runs
from product360_assets.automation.inbox import Cursor, Inbox, take_in
from product360_assets.automation.jobs import AcceptJob, accept_name
from product360_assets.automation.landing import LandingDesk, Outcome, by_source
from product360_assets.automation.sources_now import sources_now
from product360_assets.automation.tick_log import TickLog
from product360_assets.core.contract import SourceContract
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.curated.commits import digest_of
from resources.announcements import AnnouncementsResource
from resources.events import EventQueueResource
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
        description=(
            "Accepts what was delivered: events announce it, a listing of landing finds what they "
            "missed, the ledger says what is done. The log of a tick names the objects."
        ),
    )
    def look(
        context: dg.SensorEvaluationContext,
        ledger: LedgerResource,
        lake: LakeResource,
        registry: RegistryResource,
        events: EventQueueResource,
        announcements: AnnouncementsResource,
    ) -> dg.SensorResult:
        end_abandoned_runs(context.instance, context.log.info)
        tell = TickLog(context.log)
        sources = sources_now(registry.open(), contracts)
        inbox = Inbox(
            sources.contracts, events.open(), announcements.open(), ledger.open(), lake, tell
        )
        cursor = take_in(inbox, Cursor.read(context.cursor), now=time.time())
        requests = list(_requests(context.instance, inbox, sources.waiting))
        said = " ".join([tell.close(), *sources.said()])
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else said,
            cursor=cursor.write(),
        )

    return look


def _requests(
    instance: dg.DagsterInstance, inbox: Inbox, held: Mapping[str, str]
) -> Iterator[dg.RunRequest]:
    """The run of each system that has something to do now; what has ended is forgotten.

    `held` says of systems that are not taken in at the moment why not.
    """
    desk = LandingDesk(inbox.contracts, inbox.ledger, inbox.lake, datetime.now(UTC))
    for system, objects in by_source(inbox.announcements.waiting()).items():
        if system in held:
            inbox.tell("waiting", system, f"{len(objects)} objects; {held[system]}")
            continue
        if system in inbox.contracts and is_running(instance, system):
            inbox.tell("waiting", system, f"{len(objects)} objects for the run under way")
            continue
        work = list(_open_work(desk.outcomes(objects), inbox))
        if not work:
            continue
        digest = digest_of(f"{each.landed.key}\n{each.landed.version}" for each in work)
        if is_pausing(instance, system, digest):
            inbox.tell("waiting", system, f"{len(work)} objects, tried in vain a short time ago")
            continue
        days = {each.landing_date for each in work if each.landing_date is not None}
        register_landing_dates(instance, system, days)
        tags = {**run_tags(instance, system, days), PENDING_TAG: digest}
        yield dg.RunRequest(job_name=accept_name(system), tags=tags)


def _open_work(outcomes: Sequence[Outcome], inbox: Inbox) -> Iterator[Outcome]:
    """What a run has work with; what has ended is forgotten on the way."""
    for outcome in outcomes:
        if outcome.ended:
            inbox.tell("done", outcome.landed.key, outcome.reason)
        elif outcome.landing_date is None:
            inbox.tell("waiting", outcome.landed.key, outcome.reason)
        else:
            yield outcome
    inbox.announcements.forget(outcome.landed for outcome in outcomes if outcome.ended)


def is_under_way(
    instance: dg.DagsterInstance, system: str, work: str, *, now: datetime | None = None
) -> bool:
    """Whether a run for the system is unfinished, or failed at this work too short a time ago."""
    return is_running(instance, system) or is_pausing(instance, system, work, now=now)


def is_running(instance: dg.DagsterInstance, system: str) -> bool:
    """Whether a run that accepts for the system is unfinished."""
    unfinished = dg.RunsFilter(job_name=accept_name(system), statuses=UNFINISHED)
    return bool(instance.get_run_records(unfinished, limit=1))


def is_pausing(
    instance: dg.DagsterInstance, system: str, work: str, *, now: datetime | None = None
) -> bool:
    """Whether a run left this work undone too short a time ago; the pause doubles each time."""
    tried = instance.get_run_records(
        dg.RunsFilter(job_name=accept_name(system), tags={PENDING_TAG: work}), limit=10
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
