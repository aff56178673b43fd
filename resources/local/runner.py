"""Runs jobs on this machine, in this process's engine, through the same entry as on a cluster.

The job's code is found by name (`spark.cli:main`), as spark-submit would find it, so that nothing
here depends on it. What happened is read from the report, never guessed from the job's silence; the
report is followed while the job runs, so that whoever watches sees it advance.
"""

from __future__ import annotations

import importlib
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resources.errors import JobFailed, Product360Error
from resources.job_report import REPORTS, failure_in, followed, publish_spec, results_in
from resources.jobs import JobReport, JobRequest, JobRunner
from resources.local.engines import EngineName, Lease, lease_engine
from resources.objects import LakeResource
from resources.storage import refusal_in

JOB_ENTRY = "spark.cli"
BUNDLE = "spark.bundle"
# Spent on failed jobs only.
LAST_LOOKS = 10
LAST_LOOKS_SECONDS = 0.5
ENGINE_ENDED = (
    "run it again, on a new engine; a SIGKILL that nobody sent means that memory was short"
)


@dataclass(frozen=True)
class _Failure:
    """Why a job failed, as far as its runner can tell; `refused` is what the disk did not take."""

    found: str
    next_move: str = "correct the cause and run it again"
    refused: Product360Error | None = None


class LocalJobRunner(JobRunner):
    """Runs jobs on Sail or Apache Spark in a child of this process.

    Attributes:
        home: folder of the local platform; engines keep their logs there.
        engine: `sail` needs no Java; `spark` is the reference.
    """

    home: str
    engine: EngineName = "sail"

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        """See `JobRunner.run`."""
        home = Path(self.home).absolute()
        results = LakeResource(uri=f"file://{home}/lake").zone("results")
        work = f"{request.name}-{request.digest}"
        attempt = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        report_prefix = f"{REPORTS}/{work}/{attempt}/"
        spec_uri = publish_spec(results, work, request)
        report_uri = results.uri_of(report_prefix).removesuffix("/")
        started = time.monotonic()
        # Sail has no Structured Streaming.
        engine: EngineName = "spark" if request.streams else self.engine
        with lease_engine(engine, home=home) as lease:
            log(f"job {request.job} on {engine} ({work})")
            arguments = [request.job, "--spec", spec_uri, "--report", report_uri]
            with (
                lease.bridge.stamp(request.commit, once=request.once, branch=request.branch),
                followed(results, report_prefix, log) as report,
            ):
                failure = _run_job(arguments, lease, home)
        events = report.events
        _raise_failure(request, failure, events, log, report_uri)
        return JobReport(
            job=request.job,
            results=results_in(events, what=f"job {request.job} ({work})", report_uri=report_uri),
            seconds=time.monotonic() - started,
            report_uri=report_uri,
        )

    def streaming(
        self, request: JobRequest, *, log: Callable[[str], None]
    ) -> AbstractContextManager[JobRunner]:
        """See `JobRunner.streaming`."""
        from resources.local.streams import listening

        lake = LakeResource(uri=f"file://{Path(self.home).absolute()}/lake")
        return listening(self, lake, request, log=log)

    def code_version(self) -> str:
        """See `JobRunner.code_version`."""
        version: str = importlib.import_module(BUNDLE).code_version()
        return version


def _run_job(arguments: list[str], lease: Lease, home: Path) -> _Failure | None:
    """Run the job; return why it failed, or None.

    The exception itself is not kept: an engine's error can carry hundreds of lines of Java. The job
    has reported its reason and its Python frames before it raised.
    """
    cli: Any = importlib.import_module(JOB_ENTRY)
    known = cli.job_names()
    if arguments[0] not in known:
        return _Failure(f"no such job; there are: {', '.join(known) or 'none'}")
    try:
        cli.main(arguments)
    except Exception as error:  # noqa: BLE001 - a job may raise anything; it becomes JobFailed
        ended = _how_it_ended(lease)
        if ended:
            return _Failure(f"the engine ended in the middle of the job ({ended})", ENGINE_ENDED)
        # Then the job could not write down its own reason either.
        refused = refusal_in(error, home)
        first_line = next(iter(str(error).splitlines()), "")
        return _Failure(f"{type(error).__name__}: {first_line[:500]}", refused=refused)
    return None


def _how_it_ended(lease: Lease) -> str | None:
    """What ended the engine, if it did. A killed process hangs up a moment before it is gone."""
    for _ in range(LAST_LOOKS):
        ended = lease.engine.how_it_ended()
        if ended:
            return ended
        time.sleep(LAST_LOOKS_SECONDS / LAST_LOOKS)
    return None


def _raise_failure(
    request: JobRequest,
    failure: _Failure | None,
    events: list[dict[str, Any]],
    log: Callable[[str], None],
    report_uri: str,
) -> None:
    """Raise if the job failed, in its own words where it had the chance to say them."""
    told = failure_in(events, log)
    if not failure and told is None:
        return
    failure = failure or _Failure("a report of a failure")
    if failure.refused is not None:
        raise failure.refused
    error = JobFailed if told is None else told.error
    raise error(
        f"job {request.job} ({request.name})",
        found=failure.found if told is None else told.reason,
        expected="a job that runs to its end",
        next_move=f"{failure.next_move}; its report is {report_uri}",
    )
