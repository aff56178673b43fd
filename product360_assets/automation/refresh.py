"""Brings everything up to date now: ingest, accept what is pending, publish.

What sensors and the schedule do over a day, in order and at once. Every part is an ordinary run
that the UI shows afterwards, executed in this process, so that all of them share one engine
session. Where something happens in the sources while they are asked, those are asked again before
anything is accepted. Whoever watches is told of every part as it ends. The hazard is company: a
daemon may be running the same jobs, so it waits for its turn, and runs whose process was killed are
ended first.
"""

from __future__ import annotations

import importlib
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import dagster as dg

from product360_assets.automation.abandoned import STARTED, end_abandoned_runs
from product360_assets.automation.follower import RunFollower
from product360_assets.automation.jobs import INGEST, PUBLISH, accept_name
from product360_assets.automation.progress import Finished, Seen
from product360_assets.automation.sources_now import sources_now
from product360_assets.core.contract import known_contracts
from product360_assets.core.in_force import publish_working_copy
from product360_assets.core.keys import landing_key
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.raw.pending import pending_landing_dates
from resources.environments import platform_resources, settings
from resources.polling import wait_until

if TYPE_CHECKING:
    from dagster._core.execution.plan.objects import StepFailureData

    from resources.ledger import LedgerResource
    from resources.objects import LakeResource
    from resources.registry import RegistryResource

COMPOSITION = "product360_assets.definitions"
LONGEST_WAIT_SECONDS = 30 * 60.0
# Only what stops a run is worth a line; the whole story is in the run's own log.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# Where Dagster's UI looks for a job's runs: the repository of the code location.
REPOSITORY_TAGS = {".dagster/repository": "__repository__@product360"}


@dataclass(frozen=True)
class RefreshRun:
    """One run of a refresh; `failures` are its steps that failed, with their reason."""

    job: str
    run_id: str
    seconds: float
    failures: tuple[str, ...]
    finished: tuple[Finished, ...] = ()


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh did, run by run."""

    runs: tuple[RefreshRun, ...]
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether every run ended well."""
        return not any(run.failures for run in self.runs)

    @property
    def found_nothing_new(self) -> bool:
        """Whether nothing was pending, and every published table says that it is unchanged."""
        outcomes = {done.outcome for run in self.runs for done in run.finished}
        return {run.job for run in self.runs} <= {INGEST, PUBLISH} and outcomes <= {
            "unchanged",
            None,
        }


def _in_silence(_: Seen) -> None:
    """Watch nothing."""


def _nothing_happens() -> Collection[str]:
    """No source changes while it is looked at."""
    return ()


@dataclass(frozen=True)
class Refresh:
    """Runs jobs of the repository in this process, recorded in the instance."""

    instance: dg.DagsterInstance
    repository: dg.RepositoryDefinition
    log: Callable[[str], None]
    watch: Callable[[Seen], None] = _in_silence

    def run(
        self,
        job: str,
        tags: Mapping[str, str] | None = None,
        *,
        assets: Collection[dg.AssetKey] | None = None,
    ) -> RefreshRun:
        """Run one job to its end, or only some of its assets; a failure stops nothing else."""
        self._wait_for_turn()
        began = time.monotonic()
        run_id = str(uuid.uuid4())
        follower = RunFollower(self.watch)
        self.instance.add_event_listener(run_id, follower)
        found = self.repository.get_job(job)
        part = found if assets is None else _part_of(found, assets)
        result = part.execute_in_process(
            instance=self.instance,
            run_id=run_id,
            run_config=QUIET,
            tags={**REPOSITORY_TAGS, **(tags or {})},
            raise_on_error=False,
        )
        follower.close()
        failures = tuple(_failures(result))
        seconds = time.monotonic() - began
        if failures:
            self.log(f"{job}: failed in {seconds:.1f} s")
        for failure in failures:
            self.log(f"  {failure}")
        return RefreshRun(job, run_id, seconds, failures, tuple(follower.finished))

    def _wait_for_turn(self) -> None:
        end_abandoned_runs(self.instance, self.log)

        def idle() -> bool | None:
            return None if self.instance.get_runs_count(dg.RunsFilter(statuses=STARTED)) else True

        if idle() is None:
            self.log("waiting for a run that is under way")
        wait_until(idle, deadline_seconds=LONGEST_WAIT_SECONDS, what="the runs that are under way")


def refresh(
    instance: dg.DagsterInstance,
    log: Callable[[str], None],
    watch: Callable[[Seen], None] = _in_silence,
    meanwhile: Callable[[], Collection[str]] = _nothing_happens,
) -> RefreshReport:
    """Ask every source, accept what is pending, publish.

    Args:
        instance: where the runs are recorded.
        log: is told what went wrong, and what was waited for, in lines between runs.
        watch: is told what is at work and what has ended, as it happens, from any thread.
        meanwhile: is called when every source has been asked, and names the systems in which
            something has happened since: they are asked once more. Not called when asking failed.

    Raises:
        DeadlineExceeded: another process's runs did not end.
        ContractBreaking: the working copy would break what relies on the contract in force.
    """
    began = time.monotonic()
    if settings().environment == "local":
        publish_contracts(log)
    # By name, as Dagster's own processes load it: the composition is downstream of this room.
    definitions: dg.Definitions = importlib.import_module(COMPOSITION).defs()
    work = Refresh(instance, definitions.get_repository_def(), log, watch)
    runs = [work.run(INGEST)]
    if not runs[0].failures and (changed := meanwhile()):
        runs.append(work.run(INGEST, assets=_landing_keys(changed)))
    runs += [work.run(accept_name(system), tags) for system, tags in pending_work(instance, log)]
    runs.append(work.run(PUBLISH))
    return RefreshReport(tuple(runs), time.monotonic() - began)


def _part_of(job: dg.JobDefinition, assets: Collection[dg.AssetKey]) -> dg.JobDefinition:
    """The job for some of its assets; a check that it leaves out does not come in with them."""
    checks = job.asset_layer.asset_graph.asset_check_keys
    return job.get_subset(
        asset_selection=set(assets),
        asset_check_selection={check for check in checks if check.asset_key in assets},
    )


def publish_contracts(log: Callable[[str], None]) -> None:
    """Publish what the working copy says of the sources and was never published.

    Raises:
        ContractBreaking: it would break what relies on the contract in force.
    """
    registry = cast("RegistryResource", platform_resources()["registry"]).open()
    publish_working_copy(registry, known_contracts().values(), log)


def _landing_keys(systems: Collection[str]) -> list[dg.AssetKey]:
    return [
        landing_key(system, table.name)
        for system, contract in known_contracts().items()
        if system in systems
        for table in contract.tables
    ]


def pending_work(
    instance: dg.DagsterInstance, log: Callable[[str], None]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each system that has landing dates to work on, and the tags of the run that covers them.

    `log` is told of those that an operator has paused.
    """
    resources = platform_resources()
    ledger = cast("LedgerResource", resources["ledger"]).open()
    lake = cast("LakeResource", resources["lake"])
    registry = cast("RegistryResource", resources["registry"]).open()
    sources = sources_now(registry, known_contracts().values())
    for sentence in sources.said():
        log(sentence)
    for system, contract in sources.contracts.items():
        if system in sources.waiting:
            continue
        days = pending_landing_dates(contract, ledger=ledger, lake=lake)
        if days:
            register_landing_dates(instance, system, days)
            yield system, run_tags(instance, system, days)


def _failures(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    failed = [event for event in result.all_events if event.is_step_failure]
    for event in failed:
        yield f"{event.step_key}: {_reason(event.step_failure_data)}"
    if not result.success and not failed:
        yield "the run failed outside its steps"


def _reason(failure: StepFailureData) -> str:
    """What the step said of its failure; else the error that Dagster's own error wraps."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "failed"
