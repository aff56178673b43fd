"""Streams on EMR Serverless: one at a time, whatever becomes of who keeps it at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from emr import Emr, emr_on_loopback, package_with_jobs, ship
from emr_server import Fault

from resources import aws as aws_clients
from resources.errors import BudgetExceeded, CredentialsExpired, DeadlineExceeded, JobFailed
from resources.jobs import JobRequest
from resources.objects import LakeResource

pytestmark = pytest.mark.aws
SALES = JobRequest("stream", "sales", {})
# In place of Spark's, which Sail cannot run: it listens, and ends when an offer says so.
STREAM = """
        import glob, pathlib, time
        folder = pathlib.Path(spec["offers"].removeprefix("file://"))
        report.progress("the stream is listening")
        while not any('"end"' in file.read_text() for file in folder.glob("*.json")):
            time.sleep(0.05)
        report.results([])
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_with_jobs(tmp_path_factory.mktemp("package"), {"stream": STREAM})


@pytest.fixture
def emr(
    tmp_path: Path, aws: str, sail: str, package: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emr]:
    ship(package, monkeypatch.setattr)
    with emr_on_loopback(tmp_path, aws_clients.client("s3"), sail=sail) as on_loopback:
        endpoint = on_loopback.server.endpoint
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", endpoint)
        yield on_loopback


def left(emr: Emr) -> list[str]:
    results = LakeResource(uri=f"s3://{emr.lake_prefix}").zone("results")
    return [info.key for info in results.list("streams/")]


def states(emr: Emr) -> list[str]:
    return [run.state for run in emr.runs]


def used(emr: Emr) -> list[str]:
    results = LakeResource(uri=f"s3://{emr.lake_prefix}").zone("results")
    return [info.key for info in results.list("job-costs/") if "used=" in info.key]


def test_it_goes_on_during_the_block_and_is_told_to_end_after_it(emr: Emr) -> None:
    with emr.runner().streaming(SALES, log=emr.said.append) as stream:
        assert states(emr) == ["RUNNING"]
        assert stream.code_version() == emr.runner().code_version()
        assert left(emr)
    assert states(emr) == ["SUCCESS"]
    assert left(emr) == []
    assert len(used(emr)) == 1
    assert "the stream is listening" in emr.said


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_whoever_is_interrupted_has_it_cancelled(
    emr: Emr, interruption: type[BaseException]
) -> None:
    with pytest.raises(interruption), emr.runner().streaming(SALES, log=emr.said.append):
        raise interruption
    assert states(emr) == ["CANCELLED"]
    assert left(emr) == []


def test_the_next_one_ends_the_stream_of_a_process_that_died(emr: Emr) -> None:
    def die() -> None:
        # It can neither go on nor cancel.
        emr.server.faults.extend([Fault("GetJobRun", "ExpiredTokenException")] * 2)
        raise RuntimeError

    with pytest.raises(CredentialsExpired), emr.runner().streaming(SALES, log=emr.said.append):
        die()
    assert states(emr) == ["RUNNING"]
    with emr.runner().streaming(SALES, log=emr.said.append):
        assert states(emr) == ["CANCELLED", "RUNNING"]
    assert states(emr) == ["CANCELLED", "SUCCESS"]


def test_a_stream_that_somebody_else_ends_is_told_of_at_the_next_offer(emr: Emr) -> None:
    def cancel_it(line: str) -> None:
        emr.said.append(line)
        if line == "the stream is listening":
            emr.application.cancel(emr.runs[0].id)

    with (
        pytest.raises(JobFailed, match="CANCELLED"),
        emr.runner().streaming(SALES, log=cancel_it) as stream,
    ):
        stream.run(JobRequest("sell", "sell-1", {}), log=emr.said.append)
    assert left(emr) == []


def test_while_the_service_does_not_answer_the_stream_is_taken_to_be_alive(emr: Emr) -> None:
    with emr.runner().streaming(SALES, log=emr.said.append) as stream:
        emr.server.faults.extend([Fault("GetJobRun", "InternalServerException")] * 3)
        stream._expect_alive()
        emr.server.faults.clear()
    assert states(emr) == ["SUCCESS"]


def test_one_that_gets_no_worker_is_cancelled(emr: Emr) -> None:
    emr.application.capacity.clear()
    runner = emr.runner(patience_seconds=0.5)
    with (
        pytest.raises(DeadlineExceeded, match="start of job run"),
        runner.streaming(SALES, log=emr.said.append),
    ):
        pytest.fail("it does not listen")
    assert states(emr) == ["CANCELLED"]


def test_one_that_could_cost_too_much_is_not_started(emr: Emr) -> None:
    emr.configure(jobs={}, budget={"vcpu_hours_a_day": 20.0})
    with (
        pytest.raises(BudgetExceeded, match="21"),
        emr.runner().streaming(SALES, log=emr.said.append),
    ):
        pytest.fail("it could use three vCPUs for seven hours")
    assert emr.server.calls["StartJobRun"] == 0
    assert left(emr) == []
