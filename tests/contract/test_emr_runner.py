"""The runner on EMR Serverless, with jobs that really run: what it believes and never doubles."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import emr_worker
import pytest
from emr import Emr, emr_on_loopback, package_with_jobs, ship
from emr_server import Fault

from resources import aws as aws_clients
from resources import emr_requests
from resources.audit_branches import AuditBranch
from resources.emr_serverless import EmrServerless
from resources.errors import (
    BudgetExceeded,
    CredentialsExpired,
    DeadlineExceeded,
    EngineUnavailable,
    JobFailed,
    ReportMissing,
    ServiceUnavailable,
    SettingInvalid,
)
from resources.objects import LakeResource

pytestmark = pytest.mark.aws
WAIT_SECONDS = 60
ANOTHER_KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_with_jobs(tmp_path_factory.mktemp("package"))


@pytest.fixture
def emr(
    tmp_path: Path, aws: str, sail: str, package: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emr]:
    # The SDK's own retries would take seconds for each fault.
    monkeypatch.setattr(aws_clients, "ATTEMPTS", 2)
    ship(package, monkeypatch.setattr)
    with emr_on_loopback(tmp_path, aws_clients.client("s3"), sail=sail) as on_loopback:
        endpoint = on_loopback.server.endpoint
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", endpoint)
        yield on_loopback


def left_behind(emr: Emr, job: str, **spec: Any) -> None:
    """A job at work that its worker could not wait for any longer."""
    emr.server.faults.extend([Fault("GetJobRun", "ExpiredTokenException")] * 2)
    with pytest.raises(CredentialsExpired) as expired:
        emr.run(job, **spec)
    assert not expired.value.retryable


def interrupted_when_it_runs(emr: Emr) -> Callable[[str], None]:
    def interrupt(line: str) -> None:
        emr.said.append(line)
        if line.endswith("is RUNNING"):
            raise KeyboardInterrupt

    return interrupt


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def keys(emr: Emr, prefix: str) -> list[str]:
    results = LakeResource(uri=f"s3://{emr.lake_prefix}").zone("results")
    return [info.key for info in results.list(prefix)]


def test_a_job_is_reported_as_it_said_with_its_lines_and_its_cost(emr: Emr) -> None:
    report = emr.run("count", rows=7)
    (result,) = report.results
    assert (result.rows_in, result.rows_out) == (7, 7)
    (run,) = emr.runs
    assert run.states == ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS"]
    assert "half-way" in emr.said
    assert "stdout: printed by the driver" in emr.said
    assert report.facts["job run"] == run.id
    assert report.facts["vCPU hours"] == pytest.approx(2 / 60, abs=1e-4)
    assert report.facts["memory GB hours"] == pytest.approx(8 / 60, abs=1e-4)
    assert report.report_uri.startswith(f"s3://{emr.lake_prefix}-results/job-reports/")
    used = [key for key in keys(emr, "job-costs/") if "used=" in key]
    assert [key.rpartition("=")[2] for key in used] == ["0.0333"]


def test_a_failed_job_delivers_its_report_and_its_logs(emr: Emr) -> None:
    with pytest.raises(JobFailed, match="KeyError: 'no such key'") as failed:
        emr.run("trip")
    assert emr.runs[0].state == "FAILED"
    assert emr.runs[0].id in str(failed.value)
    assert "job-logs" in failed.value.next_move
    # Where it happened, by the report; and what the driver printed, without what it quoted.
    assert any("trip.py" in line for line in emr.said)
    assert "stderr: java.lang.IllegalStateException: (message withheld)" in emr.said
    assert not any("Smith" in line for line in emr.said)
    assert [key for key in keys(emr, "job-costs/") if "used=" in key]


def test_a_driver_that_dies_is_told_of_by_the_service_without_what_it_quotes(emr: Emr) -> None:
    with pytest.raises(JobFailed, match=r"found it FAILED: ExitCode: 137") as failed:
        emr.run("die")
    assert "OutOfMemoryException: (message withheld)" in str(failed.value)
    assert "Smith" not in str(failed.value)


def test_a_silent_job_has_failed(emr: Emr) -> None:
    with pytest.raises(ReportMissing, match="job say_nothing"):
        emr.run("say_nothing")
    assert emr.runs[0].state == "SUCCESS"


def test_a_worker_killed_in_the_middle_of_a_job_leaves_one_job(
    emr: Emr, package: Path, tmp_path: Path
) -> None:
    spec = {"until": str(tmp_path / "the worker is dead")}
    request = json.dumps({"job": "hold", "name": "hold-test", "spec": spec})
    worker = subprocess.Popen(
        [sys.executable, emr_worker.__file__, emr.settings, emr.lake_prefix, package, request],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    try:
        # The job has said so by its report, so it is at work, and its worker is following it.
        assert any("at work" in line for line in worker.stderr)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stderr.close()
    assert emr.runs[0].state == "RUNNING"
    Path(spec["until"]).touch()
    emr.configure(log_key=ANOTHER_KEY)
    report = emr.run("hold", **spec)
    (run,) = emr.runs
    assert report.facts["job run"] == run.id
    assert emr.server.calls["StartJobRun"] == 1
    # It is over now: who asks again wants it done again.
    with pytest.raises(KeyboardInterrupt):
        emr.run("hold", **spec, log=interrupted_when_it_runs(emr))
    assert len(emr.runs) == 2


def test_what_a_job_without_a_worker_has_done_meanwhile_is_delivered(emr: Emr) -> None:
    left_behind(emr, "trip")
    until(lambda: emr.runs[0].state == "FAILED")
    with pytest.raises(JobFailed, match="no such key"):
        emr.run("trip")
    assert len(emr.runs) == 1


def test_what_it_committed_on_a_branch_that_was_given_up_since_is_made_again(emr: Emr) -> None:
    branch = AuditBranch("curated.thing", "1f3a", None)
    left_behind(emr, "count", rows=7, branch=branch)
    until(lambda: emr.runs[0].state == "SUCCESS")
    with pytest.raises(KeyboardInterrupt):
        emr.run("count", rows=7, branch=branch, log=interrupted_when_it_runs(emr))
    assert len(emr.runs) == 2


def test_a_job_whose_start_was_never_answered_is_started_once(emr: Emr) -> None:
    emr.server.faults.extend([Fault("StartJobRun", "lost")] * 2)
    with pytest.raises(ServiceUnavailable) as lost:
        emr.run("count", rows=7)
    assert lost.value.retryable
    assert len(emr.runs) == 1
    # Another request for the same job would be refused, with the same token.
    emr.configure(log_key=ANOTHER_KEY)
    assert emr.run("count", rows=7).results[0].rows_out == 7
    assert len(emr.runs) == 1


def test_without_its_token_a_job_whose_start_was_not_answered_runs_twice(
    emr: Emr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protection patched away: the fault is there, and the test above sees it."""
    start = EmrServerless.start

    def forgetful(self: EmrServerless, parameters: dict[str, Any]) -> str:
        return start(self, {**parameters, "clientToken": os.urandom(8).hex()})

    monkeypatch.setattr(EmrServerless, "start", forgetful)
    monkeypatch.setattr(aws_clients, "ATTEMPTS", 1)
    emr.server.faults.append(Fault("StartJobRun", "lost"))
    with pytest.raises(ServiceUnavailable):
        emr.run("work_for_ever")
    with pytest.raises(KeyboardInterrupt):
        emr.run("work_for_ever", log=interrupted_when_it_runs(emr))
    assert len(emr.runs) == 2


def test_a_service_that_throttles_breaks_or_wants_newer_credentials_is_asked_again(
    emr: Emr,
) -> None:
    emr.server.faults.extend([Fault("GetJobRun", "ThrottlingException")] * 4)
    emr.server.faults.extend([Fault("GetJobRun", "InternalServerException")] * 2)
    emr.server.faults.append(Fault("StartJobRun", "ThrottlingException"))
    emr.server.faults.append(Fault("GetApplication", "ExpiredTokenException"))
    assert emr.run("count", rows=7).results[0].rows_out == 7
    assert len(emr.runs) == 1
    assert not emr.server.faults
    assert any("ThrottlingException" in line for line in emr.said)


def test_an_interrupted_wait_cancels_the_job_and_the_next_one_is_a_new_one(emr: Emr) -> None:
    for number in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            emr.run("work_for_ever", log=interrupted_when_it_runs(emr))
        until(emr.runs[number].is_ended.is_set)
        assert emr.runs[number].states[-3:] == ["RUNNING", "CANCELLING", "CANCELLED"]


def test_a_job_that_takes_too_long_is_cancelled(emr: Emr) -> None:
    # Its own timeout is an hour: a runner that gives up two seconds after the start.
    impatient = emr.runner(patience_seconds=2 - 60 * 60)
    with pytest.raises(DeadlineExceeded, match=r"job run 00e\w+ of application 00f"):
        emr.run("work_for_ever", runner=impatient)
    assert emr.runs[0].state == "CANCELLED"
    assert any("used=" in key for key in keys(emr, "job-costs/"))


def test_a_job_that_somebody_cancels_has_failed(emr: Emr) -> None:
    def cancel(line: str) -> None:
        if line.endswith("is RUNNING"):
            emr.application.cancel(emr.runs[0].id)

    with pytest.raises(JobFailed, match="CANCELLED"):
        emr.run("work_for_ever", log=cancel)


def test_new_code_does_not_run_beside_the_old(emr: Emr, monkeypatch: pytest.MonkeyPatch) -> None:
    left_behind(emr, "work_for_ever")
    monkeypatch.setattr("spark.bundle.code_version", lambda: "newer")
    with pytest.raises(KeyboardInterrupt):
        emr.run("work_for_ever", log=interrupted_when_it_runs(emr))
    old, new = emr.runs
    assert old.state == "CANCELLED"
    assert old.ended is not None
    assert old.ended <= new.created


def test_what_cannot_be_cancelled_is_told_and_nothing_runs_beside_it(
    emr: Emr, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(emr, "work_for_ever")
    monkeypatch.setattr("spark.bundle.code_version", lambda: "newer")
    emr.server.faults.append(Fault("CancelJobRun", "ValidationException"))
    with pytest.raises(EngineUnavailable, match="cancelling job run"):
        emr.run("work_for_ever")
    assert [run.state for run in emr.runs] == ["RUNNING"]
    emr.application.cancel(emr.runs[0].id)


def test_a_job_that_could_cost_too_much_is_refused_before_it_is_submitted(emr: Emr) -> None:
    # A small job of an hour could use two vCPU hours.
    emr.configure(budget={"vcpu_hours_a_day": 1.99})
    with pytest.raises(BudgetExceeded, match=r"found 0\.00 vCPU hours used") as refused:
        emr.run("count", rows=8)
    assert not refused.value.retryable
    assert all((refused.value.found, refused.value.expected, refused.value.next_move))
    assert emr.server.calls["StartJobRun"] == 0


def test_another_release_than_the_settings_say_is_refused_before_anything_is_asked(
    emr: Emr,
) -> None:
    emr.configure(release="emr-spark-8.1.0")
    with pytest.raises(SettingInvalid, match=r"found emr-7\.13\.0"):
        emr.run("count", rows=7)
    assert emr.server.calls["StartJobRun"] == 0
    assert keys(emr, "job-costs/") == []


def test_what_the_service_refuses_is_over_and_costs_nothing(
    emr: Emr, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(emr_requests, "client_token", lambda *_: "not a token")
        with pytest.raises(EngineUnavailable, match="ValidationException"):
            emr.run("count", rows=7)
    (used,) = [key for key in keys(emr, "job-costs/") if "used=" in key]
    assert used.endswith("used=0.0000")
