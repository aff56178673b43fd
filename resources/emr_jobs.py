"""The life of one job on EMR Serverless: begun once, found again, waited for, ended.

Before the service is asked for anything, the request is written down (`job_attempts`), so that
whoever comes after a worker that died asks for the very same and gets the job that it started.

The hazard is to leave a job behind that nobody waits for. Whoever interrupts the wait, or runs out
of time, has the job cancelled; a worker that dies can not, and so its job is found by who asks for
its work again. What changed meanwhile (the job's code, the state that it starts from) makes it
another job, and the one at work is cancelled first: two would commit side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from resources.emr_requests import JobPlaces, start_job_run
from resources.emr_serverless import ENDED, GIVEN_UP, GONE, EmrServerless, JobRun
from resources.emr_settings import EmrSettings
from resources.errors import (
    DeadlineExceeded,
    EngineUnavailable,
    Product360Error,
    ServiceUnavailable,
    SettingInvalid,
)
from resources.job_attempts import Attempt, JobAttempts, attempt_name
from resources.job_budget import JobBudget
from resources.jobs import JobRequest
from resources.polling import wait_until

# A cancelled job gives its workers two minutes to end.
CANCEL_SECONDS = 180.0
# The service adds up what a job used when its workers are gone.
USAGE_SECONDS = 60.0


@dataclass(frozen=True)
class EmrJobs:
    """The jobs of one deployment.

    Attributes:
        poll_seconds: the pause between two questions to the service.
        log: is told what happens.
    """

    settings: EmrSettings
    emr: EmrServerless
    attempts: JobAttempts
    budget: JobBudget
    poll_seconds: float
    log: Callable[[str], None]

    def attempt_at(
        self, request: JobRequest, *, code_version: str, places: Callable[[str], JobPlaces]
    ) -> Attempt:
        """The attempt at this work that is not over, or a new one.

        Args:
            request: the job.
            code_version: hash of the code that would run.
            places: where an attempt finds and leaves things, by its report's prefix.

        Raises:
            BudgetExceeded: a new one could use more than is allowed.
        """
        identity = identity_of(request, code_version, self.settings)
        # Job runs are the application's: another one knows nothing of them.
        work = f"{self.emr.application}/{request.name}"
        while True:
            last = self.attempts.latest(work)
            if last is None or last.has_ended:
                name = attempt_name(work, 1 if last is None else last.number + 1)
                begun = self._begin(name, request, identity, places)
                if begun.identity == identity:
                    return begun
            elif last.identity == identity and self._is_wanted(last, request):
                self.log(f"found {last.name} at work, which somebody else began")
                return last
            else:
                self._make_way(last)

    def submitted(self, attempt: Attempt) -> Attempt:
        """The attempt with its job run, which is started unless it was.

        Raises:
            EngineUnavailable: the service refuses it; the attempt is over.
        """
        if attempt.run is not None:
            return attempt
        try:
            run = self.emr.start(attempt.parameters)
        except EngineUnavailable:
            self._note_end(attempt, "REFUSED", used=0.0)
            raise
        self.log(f"job run {run} of application {self.emr.application} ({attempt.name})")
        return self.attempts.started(attempt, run)

    @contextmanager
    def cancelled_if_left(self, attempt: Attempt) -> Iterator[None]:
        """Have the job cancelled when the block is interrupted, or its time is over."""
        try:
            yield
        except DeadlineExceeded:
            self.end(attempt, "its time is over")
            raise
        except Exception:
            # The job may well be at work; whoever asks for its work again finds it.
            raise
        except BaseException:
            try:
                self._cancel(attempt, "interrupted")
            except Product360Error as error:
                self.log(f"job run {attempt.run} goes on: {error}")
            raise

    def ended(self, attempt: Attempt, *, deadline_seconds: float) -> JobRun:
        """Wait for the end of the job run.

        Raises:
            DeadlineExceeded: it is still at work.
            CredentialsExpired: nobody can ask for it any more.
        """
        told = ""

        def look() -> JobRun | None:
            nonlocal told
            run, said = self.asked(attempt)
            if said != told:
                told = said
                self.log(f"job run {attempt.run} {said}")
            return run if run is not None and run.state in ENDED else None

        return wait_until(
            look,
            deadline_seconds=deadline_seconds,
            what=f"job run {attempt.run} of application {self.emr.application} ({attempt.name})",
            interval_seconds=self.poll_seconds,
        )

    def settle(self, attempt: Attempt, run: JobRun) -> JobRun:
        """Write down that the attempt is over; the job run with what it used, where that is known.

        What is never said counts in full.
        """
        if run.has_started and run.usage is None:
            with suppress(DeadlineExceeded):
                run = wait_until(
                    lambda: self._with_usage(attempt),
                    deadline_seconds=USAGE_SECONDS,
                    what=f"usage of job run {run.id}",
                    interval_seconds=self.poll_seconds,
                )
        unused = None if run.has_started or run.state == GONE else 0.0
        self._note_end(attempt, run.state, run.usage.vcpu_hours if run.usage else unused)
        return run

    def _note_end(self, attempt: Attempt, state: str, used: float | None) -> None:
        if used is not None:
            self.budget.settle(attempt.name, attempt.day, used)
        self.attempts.ended(attempt, state, used)

    def _begin(
        self, name: str, request: JobRequest, identity: str, places: Callable[[str], JobPlaces]
    ) -> Attempt:
        self._require_release()
        report = f"{name}-{identity}"
        parameters = start_job_run(self.settings, request, places(report), attempt=report)
        day = self.budget.reserve(name, self.settings.size_of(request).most_vcpu_hours)
        return self.attempts.begin(Attempt(name, identity, parameters, report, day))

    def _is_wanted(self, attempt: Attempt, request: JobRequest) -> bool:
        """Whether its outcome may be taken; a failure is told to who asks."""
        if attempt.run is None:
            return True
        state = self.emr.job_run(attempt.run).state
        # What it had committed on a branch was given up when the branch was begun anew.
        return state not in GIVEN_UP and not (request.branch is not None and state == "SUCCESS")

    def _make_way(self, attempt: Attempt) -> None:
        """End an attempt whose outcome nobody wants any more."""
        self.log(f"{attempt.name} is not what is asked for now")
        # Whether it was started is not known until the service is asked the same again.
        try:
            begun = self.submitted(attempt)
        except EngineUnavailable:
            # The service refuses it, so the attempt is over.
            return
        self.end(begun, "another takes its place")

    def end(self, attempt: Attempt, why: str) -> None:
        """Have the job run cancelled, and wait for that.

        Raises:
            DeadlineExceeded: it goes on all the same.
        """
        self._cancel(attempt, why)
        run = self.ended(attempt, deadline_seconds=CANCEL_SECONDS)
        self.settle(attempt, run)

    def _cancel(self, attempt: Attempt, why: str) -> None:
        assert attempt.run is not None
        if self.emr.job_run(attempt.run).state not in ENDED:
            self.log(f"cancelling job run {attempt.run}: {why}")
            self.emr.cancel(attempt.run)

    def asked(self, attempt: Attempt) -> tuple[JobRun | None, str]:
        """The job run, and that in words; none while the service does not answer.

        The job goes on all the same.
        """
        assert attempt.run is not None
        try:
            run = self.emr.job_run(attempt.run)
        except ServiceUnavailable as error:
            return None, f"cannot be asked for ({error.found}); asking again"
        return run, f"is {run.state}"

    def _with_usage(self, attempt: Attempt) -> JobRun | None:
        run, _ = self.asked(attempt)
        return run if run is not None and run.usage is not None else None

    def _require_release(self) -> None:
        release = self.emr.release()
        if release != self.settings.release:
            raise SettingInvalid(
                f"release of application {self.emr.application}",
                found=release,
                expected=f"{self.settings.release}, as the file that PRODUCT360_EMR names says",
                next_move="correct `release` there, or name another application",
            )


def identity_of(request: JobRequest, code_version: str, settings: EmrSettings) -> str:
    """Hash of all that a job's outcome depends on; who asked, and in which run, is none of it."""
    branch, size = request.branch, settings.size_of(request)
    parts = [request.job, request.digest, code_version, request.once or ""]
    parts += [settings.role, settings.release, size.model_dump_json()]
    parts += [] if branch is None else [branch.name, str(branch.base)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
