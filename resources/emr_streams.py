"""A streaming job on EMR Serverless, and the runner that hands it work.

It is a job run like any other (`emr_jobs`): begun once, found and cancelled by whoever comes after
a worker that died, paid for by the budget. Work is handed to it as offers (`streams`), each with
what its commit says and the branch on which that lands, which the job itself sees to.

The hazard is a driver that dies in the middle of an offer: the service starts another, which does
it again. Both commits are on the offer's branch then, by two applications of Spark, and such a
branch is never published (`branch_writers`); the next attempt gives it up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self, TypeVar

from pydantic import PrivateAttr

from resources.emr_jobs import EmrJobs
from resources.emr_requests import require_branch
from resources.emr_serverless import ENDED
from resources.errors import JobFailed, ObjectChanged, ObjectMissing
from resources.job_attempts import Attempt
from resources.job_report import JobReportReader, failure_in, results_of
from resources.jobs import JobReport, JobRequest, JobResult, JobRunner
from resources.polling import wait_until
from resources.streams import WORK_SECONDS, Offers
from resources.withheld import without_values

# A job that was told to end does so within a second; its workers, and the service, later.
END_SECONDS = 180.0

T = TypeVar("T")


class ListeningJob(JobRunner):
    """Hands each request to a job run that listens, and waits for its answer."""

    _jobs: EmrJobs = PrivateAttr()
    _attempt: Attempt = PrivateAttr()
    _offers: Offers = PrivateAttr()
    _runner: JobRunner = PrivateAttr()

    def of(self, jobs: EmrJobs, attempt: Attempt, offers: Offers, runner: JobRunner) -> Self:
        """The runner of this attempt at the job, by what began it."""
        self._jobs, self._attempt, self._offers, self._runner = jobs, attempt, offers, runner
        return self

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        """See `JobRunner.run`.

        Raises:
            DeadlineExceeded: the job works on without an answer.
        """
        require_branch(request)
        began = time.monotonic()
        key = self._offers.put_commit(request)
        answer = JobReportReader(self._offers.results, self._offers.answers(key), log)
        try:
            results = self._wait(
                f"offer {request.name}",
                lambda: _results(request, answer, log),
                seconds=WORK_SECONDS,
            )
        finally:
            self._offers.withdraw(key)
        return JobReport(
            request.job,
            results,
            time.monotonic() - began,
            self._offers.answer_uri(key),
            {"job run": str(self._attempt.run)},
        )

    def wait_for_it(self, report: JobReportReader, *, seconds: float) -> None:
        """Wait until the job says that it listens.

        Raises:
            JobFailed: it ended before.
            DeadlineExceeded: it did not say so in time.
        """
        self._wait(
            f"start of job run {self._attempt.run}",
            lambda: any(each["event"] == "progress" for each in report.events) or None,
            seconds=seconds,
        )

    def code_version(self) -> str:
        """See `JobRunner.code_version`."""
        return self._runner.code_version()

    def _wait(self, what: str, answer: Callable[[], T | None], *, seconds: float) -> T:
        def probe() -> T | None:
            found = answer()
            if found is None:
                self._expect_alive()
            return found

        return wait_until(
            probe,
            deadline_seconds=seconds,
            what=what,
            interval_seconds=self._jobs.poll_seconds,
        )

    def _expect_alive(self) -> None:
        """Expect the job to go on; while the service cannot be asked, it is taken to.

        Raises:
            JobFailed: it has ended.
        """
        run, _ = self._jobs.asked(self._attempt)
        if run is not None and run.state in ENDED:
            raise JobFailed(
                f"job run {run.id} ({self._attempt.name})",
                found=f"its end: it {run.state} ({without_values(run.details) or 'no details'})",
                expected="a job that goes on until it is told to end",
                next_move="start the stream again, which looks first at what was done; where its "
                "time was over, give the job `stream` a size of a longer timeout_minutes",
            )


@contextmanager
def at_work(jobs: EmrJobs, attempt: Attempt, offers: Offers) -> Iterator[None]:
    """The job is at work during the block, and has ended when that has.

    It is cancelled where the block fails.

    Raises:
        DeadlineExceeded: it did not end when it was told to.
    """
    try:
        yield
        offers.put_end()
        run = jobs.ended(attempt, deadline_seconds=END_SECONDS)
        jobs.settle(attempt, run)
    except BaseException:
        jobs.end(attempt, "it is given up")
        raise


def _results(
    request: JobRequest, answer: JobReportReader, log: Callable[[str], None]
) -> tuple[JobResult, ...] | None:
    """What the job has answered; None before it has.

    Raises:
        JobFailed: it could not do what was offered.
        ServiceUnavailable: a service did not answer it.
    """
    with suppress(ObjectMissing, ObjectChanged):
        answer.look()
    told = failure_in(answer.events, log)
    if told is not None:
        raise told.error(
            f"job {request.job} ({request.name}), offered to a stream",
            found=told.reason,
            expected="a job that runs to its end",
            next_move="correct the cause, and start the stream again",
        )
    return results_of(answer.events)
