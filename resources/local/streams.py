"""A streaming job that goes on in a thread of this process, and the runner that hands it work.

The job holds the process's engine all the time. Work is handed to it one offer at a time; while an
offer stands, the bridge stamps what is committed with the offer's properties and lets it land on
the offer's branch, as it does for any other job, so a commit of the stream is audited, known, and
refused twice like one of a batch.

The hazard is a job that is given up while it works: what it committed afterwards would carry no
stamp. So whoever gives up ends the engine first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from pydantic import PrivateAttr

from resources.errors import JobFailed, ObjectChanged, ObjectMissing
from resources.job_report import JobReportReader, results_of
from resources.jobs import JobReport, JobRequest, JobResult, JobRunner
from resources.local.engines import end_engine_under_its_job, stamping_bridge
from resources.objects import LakeResource
from resources.polling import wait_until
from resources.streams import WORK_SECONDS, Offers

# A JVM of a busy laptop takes half a minute.
START_SECONDS = 180.0
END_SECONDS = 60.0


class _Job:
    """The streaming job's thread."""

    def __init__(self, runner: JobRunner, request: JobRequest, log: Callable[[str], None]) -> None:
        self.has_engine = threading.Event()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name=request.name, daemon=True)
        self._runner, self._request, self._log = runner, request, log

    def expect_alive(self) -> None:
        """Expect the job to go on.

        Raises:
            JobFailed: it has ended.
        """
        if not self.thread.is_alive():
            raise JobFailed(
                f"stream {self._request.name}",
                found=f"its end ({self.failure or 'nobody told it to'})",
                expected="a job that goes on until it is told to end",
                next_move="start the stream again; it looks first at what was done",
            ) from self.failure

    def is_at_work(self) -> bool | None:
        """True once it holds the engine; None before."""
        self.expect_alive()
        return self.has_engine.is_set() or None

    def _run(self) -> None:
        try:
            self._runner.run(self._request, log=self._hear)
        except BaseException as failure:  # noqa: BLE001 - told to the thread that waits
            self.failure = failure

    def _hear(self, message: str) -> None:
        # A runner says nothing before it holds the engine.
        self.has_engine.set()
        self._log(message)


class ListeningRunner(JobRunner):
    """Hands each request to a job that listens, and waits for its answer."""

    _runner: JobRunner = PrivateAttr()
    _offers: Offers = PrivateAttr()
    _thread: _Job = PrivateAttr()
    _answered: str | None = PrivateAttr(default=None)

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        """See `JobRunner.run`."""
        began = time.monotonic()
        with stamping_bridge().stamp(request.commit, once=request.once, branch=request.branch):
            key = self._offers.put_request(request)
            reader = JobReportReader(self._offers.results, self._offers.answers(key), log)
            try:
                results = self._wait(f"offer {request.name}", lambda: _results(reader))
            except BaseException:
                end_engine_under_its_job()
                self._thread.thread.join()
                raise
            finally:
                self._offers.withdraw(key)
        self._forget_the_answer_before(key)
        return JobReport(request.job, results, time.monotonic() - began, key)

    def code_version(self) -> str:
        """See `JobRunner.code_version`."""
        return self._runner.code_version()

    def _forget_the_answer_before(self, key: str) -> None:
        """Forget what was answered last time, and not yet what was answered now.

        An answer can be read before the job is done with it: its engine writes a mark beside it,
        and fails if that is gone at once.
        """
        if self._answered is not None:
            self._offers.take_away(self._answered)
        self._answered = key

    def _wait(
        self, what: str, answer: Callable[[], tuple[JobResult, ...] | None]
    ) -> tuple[JobResult, ...]:
        def probe() -> tuple[JobResult, ...] | None:
            found = answer()
            if found is None:
                self._thread.expect_alive()
            return found

        return wait_until(probe, deadline_seconds=WORK_SECONDS, what=what)


@contextmanager
def listening(
    runner: JobRunner, lake: LakeResource, request: JobRequest, *, log: Callable[[str], None]
) -> Iterator[ListeningRunner]:
    """Keep the job at work during the block; it has ended when the block has.

    Raises:
        JobFailed: the job ended by itself.
        DeadlineExceeded: it did not start in time.
    """
    with Offers.anew(lake.zone("results"), request.name) as offers:
        spec = {**request.spec, **offers.spec(continuous=True)}
        job = _Job(runner, replace(request, spec=spec, streams=True), log)
        handing = ListeningRunner()
        handing._runner, handing._offers, handing._thread = runner, offers, job
        job.thread.start()
        try:
            wait_until(
                job.is_at_work, deadline_seconds=START_SECONDS, what=f"stream {request.name}"
            )
            yield handing
        finally:
            _end(job, offers)


def _end(job: _Job, offers: Offers) -> None:
    """Tell the job to end; where it does not, end its engine."""
    offers.put_end()
    job.thread.join(END_SECONDS)
    if job.thread.is_alive():
        end_engine_under_its_job()
        job.thread.join()


def _results(reader: JobReportReader) -> tuple[JobResult, ...] | None:
    """What the job has answered; None before it has."""
    with suppress(ObjectMissing, ObjectChanged):
        reader.look()
    return results_of(reader.events)
