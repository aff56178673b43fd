"""Runs jobs on Amazon EMR Serverless, from the same requests as on a laptop.

    spec, code and report lie in the zone of results:
    job-specs/<work>.json    job-code/spark-<version>.zip    job-reports/<attempt>/    job-logs/…

What happened is read from the job's own report, on a failure too. The driver's lines and the
report's progress are told while the job runs, and what it used afterwards.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from resources.aws import region
from resources.emr_jobs import EmrJobs
from resources.emr_logs import driver_logs
from resources.emr_requests import JobPlaces
from resources.emr_serverless import EmrServerless, JobRun, connect
from resources.emr_settings import EmrSettings, read_settings
from resources.emr_streams import ListeningJob, at_work
from resources.errors import JobFailed, ObjectExists
from resources.job_attempts import Attempt, JobAttempts
from resources.job_budget import JobBudget
from resources.job_report import (
    REPORTS,
    JobReportReader,
    failure_in,
    followed,
    publish_spec,
    results_in,
)
from resources.jobs import JobReport, JobRequest, JobRunner
from resources.objects import LakeResource, ObjectStore
from resources.streams import Offers
from resources.withheld import without_values

BUNDLE = "spark.bundle"
CODE = "job-code"
LOGS = "job-logs"


class EmrServerlessJobRunner(JobRunner):
    """Submits jobs to one application and waits for them.

    Attributes:
        settings: the file that says which application (`resources.emr_settings`); "" for none.
        deployed: what the deployment's outputs say of it, where the file does not.
        lake_prefix: buckets are <prefix>-<zone>.
        poll_seconds: the pause between two looks at the job run, its report and its logs.
        patience_seconds: how long beyond a job's timeout to wait for its start and its end.
    """

    settings: str = ""
    deployed: dict[str, str] = Field(default_factory=dict)
    lake_prefix: str
    poll_seconds: float = 5.0
    patience_seconds: float = 900.0
    _read: EmrSettings | None = PrivateAttr(default=None)

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        """See `JobRunner.run`.

        Raises:
            BudgetExceeded: the job could use more than is allowed; nothing was submitted.
            CredentialsExpired: the job goes on without us; ask for it again.
            DeadlineExceeded: the job took too long, and was cancelled.
        """
        asked_at = time.monotonic()
        settings, results = self._settings(), self._results()
        jobs = self._jobs(settings, results, log)
        attempt = self._submitted(request, jobs, results)
        report_prefix = f"{REPORTS}/{attempt.report}/"
        minutes = settings.size_of(request).timeout_minutes
        with (
            jobs.cancelled_if_left(attempt),
            self._heard(attempt, settings, results, log) as report,
        ):
            run = jobs.ended(attempt, deadline_seconds=minutes * 60 + self.patience_seconds)
        report_uri = results.uri_of(report_prefix).removesuffix("/")
        run = jobs.settle(attempt, run)
        _raise_failure(request, run, report, log, report_uri, results.uri_of(LOGS))
        return JobReport(
            job=request.job,
            results=results_in(
                report.events, what=f"job {request.job} ({attempt.name})", report_uri=report_uri
            ),
            seconds=time.monotonic() - asked_at,
            report_uri=report_uri,
            facts=_facts(run),
        )

    @contextmanager
    def streaming(
        self, request: JobRequest, *, log: Callable[[str], None]
    ) -> Iterator[ListeningJob]:
        """See `JobRunner.streaming`.

        Raises:
            BudgetExceeded: the job could use more than is allowed; nothing was submitted.
            JobFailed: it ended before it listened.
            DeadlineExceeded: it did not listen in time.
        """
        settings, results = self._settings(), self._results()
        jobs = self._jobs(settings, results, log)
        with Offers.anew(results, request.name) as offers:
            spec = {**request.spec, **offers.spec(continuous=True)}
            asked = replace(request, spec=spec, streams=True, endless=True)
            # Whatever an earlier life has left at work is cancelled first.
            attempt = self._submitted(asked, jobs, results)
            with (
                at_work(jobs, attempt, offers),
                self._heard(attempt, settings, results, log) as report,
            ):
                listening = ListeningJob().of(jobs, attempt, offers, self)
                listening.wait_for_it(report, seconds=self.patience_seconds)
                yield listening

    def code_version(self) -> str:
        """See `JobRunner.code_version`."""
        version: str = importlib.import_module(BUNDLE).code_version()
        return version

    def _settings(self) -> EmrSettings:
        if self._read is None:
            file = Path(self.settings) if self.settings else None
            self._read = read_settings(file, self.deployed)
        return self._read

    def _results(self) -> ObjectStore:
        return LakeResource(uri=f"s3://{self.lake_prefix}").zone("results")

    def _jobs(
        self, settings: EmrSettings, results: ObjectStore, log: Callable[[str], None]
    ) -> EmrJobs:
        return EmrJobs(
            settings=settings,
            emr=EmrServerless(settings.application, connect),
            attempts=JobAttempts(results),
            budget=JobBudget(results, settings.budget),
            poll_seconds=self.poll_seconds,
            log=log,
        )

    def _submitted(self, request: JobRequest, jobs: EmrJobs, results: ObjectStore) -> Attempt:
        """The attempt at the request that is at work now."""
        return jobs.submitted(
            jobs.attempt_at(
                request,
                code_version=self.code_version(),
                places=lambda report: self._places(request, results, report),
            )
        )

    @contextmanager
    def _heard(
        self,
        attempt: Attempt,
        settings: EmrSettings,
        results: ObjectStore,
        log: Callable[[str], None],
    ) -> Iterator[JobReportReader]:
        """Its report, which is followed during the block, as are its driver's lines."""
        with (
            followed(results, f"{REPORTS}/{attempt.report}/", log, self.poll_seconds) as report,
            driver_logs(results, _logs_of(settings, attempt), log, self.poll_seconds),
        ):
            yield report

    def _places(self, request: JobRequest, results: ObjectStore, report: str) -> JobPlaces:
        """Where an attempt finds and leaves things, with what it needs written there."""
        bundle: Any = importlib.import_module(BUNDLE)
        version = bundle.code_version()
        return JobPlaces(
            entry=_published(results, f"{CODE}/entry-{version}.py", bundle.entry_point()),
            code=_published(results, f"{CODE}/spark-{version}.zip", bundle.bundle()),
            spec=publish_spec(results, f"{request.name}-{request.digest}", request),
            report=results.uri_of(f"{REPORTS}/{report}"),
            logs=results.uri_of(LOGS),
            warehouse=f"s3://{self.lake_prefix}-curated",
            region=region(),
        )


def _published(results: ObjectStore, key: str, data: bytes) -> str:
    # Its name says what is in it, so whatever is there is the same.
    with suppress(ObjectExists):
        results.put(key, data)
    return results.uri_of(key)


def _logs_of(settings: EmrSettings, attempt: Attempt) -> str:
    return f"{LOGS}/applications/{settings.application}/jobs/{attempt.run}/"


def _raise_failure(
    request: JobRequest,
    run: JobRun,
    report: JobReportReader,
    log: Callable[[str], None],
    report_uri: str,
    logs_uri: str,
) -> None:
    """Raise if the job failed, in its own words where it had the chance to say them."""
    told = failure_in(report.events, log)
    if told is None and run.state == "SUCCESS":
        return
    error = JobFailed if told is None else told.error
    raise error(
        f"job {request.job} ({request.name}), job run {run.id}",
        found=f"it {run.state}: {_details(run)}" if told is None else told.reason,
        expected="a job that runs to its end",
        next_move=f"correct the cause and run it again; its report is {report_uri}, its logs are "
        f"below {logs_uri}",
    )


def _details(run: JobRun) -> str:
    # They end with the last exceptions of the driver's log, which may quote a value.
    return without_values(run.details) or "no details"


def _facts(run: JobRun) -> dict[str, str | float]:
    facts: dict[str, str | float] = {"job run": run.id}
    if run.usage is not None:
        facts |= {
            "vCPU hours": round(run.usage.vcpu_hours, 4),
            "memory GB hours": round(run.usage.memory_gb_hours, 4),
            "storage GB hours": round(run.usage.storage_gb_hours, 4),
        }
    return facts
