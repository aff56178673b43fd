"""The stand-in for EMR Serverless answers as the service's model and documents say."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aws_model import request_refusals
from botocore.exceptions import ClientError
from emr_job_runs import NEXT, Application
from emr_server import EmrServer, Fault

from resources.aws import client
from resources.emr_requests import JobPlaces, start_job_run
from resources.emr_settings import EmrSettings
from resources.jobs import JobRequest

ROLE = "arn:aws:iam::111122223333:role/product360-jobs"
PLACES = JobPlaces(
    *(f"s3://bucket/{name}" for name in ("e.py", "c.zip", "s", "r", "l", "w")), region="eu-west-1"
)


class Python:
    """Runs a line of Python, which is the request's entry point."""

    def __init__(self, run_id: str, request: Mapping[str, Any]) -> None:
        self._line = request["jobDriver"]["sparkSubmit"]["entryPoint"]

    def run(self, is_cancelled: threading.Event) -> int:
        with subprocess.Popen([sys.executable, "-c", self._line]) as process:
            while process.poll() is None:
                if is_cancelled.wait(0.02):
                    process.kill()
            return process.returncode

    def last_exceptions(self) -> str:
        return ""


@pytest.fixture
def server(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmrServer]:
    monkeypatch.setattr("resources.aws.ATTEMPTS", 1)
    served = EmrServer(Application("emr-7.13.0", Python))
    monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", served.endpoint)
    yield served
    served.close()


def request(server: EmrServer, line: str = "pass", attempt: str = "a") -> dict[str, Any]:
    settings = EmrSettings(application=server.application.id, role=ROLE)
    made = start_job_run(settings, JobRequest("count", "n", {}), PLACES, attempt=attempt)
    made["jobDriver"]["sparkSubmit"]["entryPoint"] = line
    return made


def refusal(call: Any, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("line", "states"),
    [
        ("pass", ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS"]),
        ("raise SystemExit(3)", ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "FAILED"]),
    ],
)
def test_a_job_run_goes_through_its_states(server: EmrServer, line: str, states: list[str]) -> None:
    emr = client("emr-serverless")
    run_id = emr.start_job_run(**request(server, line))["jobRunId"]
    run = server.application.run_of(run_id)
    assert run.is_ended.wait(30)
    assert run.states == states
    said = emr.get_job_run(applicationId=server.application.id, jobRunId=run_id)["jobRun"]
    assert said["state"] == states[-1]
    assert said["totalResourceUtilization"]["vCPUHour"] > 0
    assert said["startedAt"] >= said["createdAt"]
    # It is over: nothing leads out of it.
    assert states[-1] not in NEXT


def test_a_token_stands_for_one_request(server: EmrServer) -> None:
    server.application.capacity.clear()
    emr = client("emr-serverless")
    first = emr.start_job_run(**request(server))
    assert emr.start_job_run(**request(server))["jobRunId"] == first["jobRunId"]
    other = {**request(server), "name": "another"}
    assert refusal(emr.start_job_run, **other) == ("ConflictException", 409)
    assert emr.start_job_run(**request(server, attempt="b"))["jobRunId"] != first["jobRunId"]
    assert len(server.application.runs) == 2


def test_a_cancelled_run_ends_and_cannot_be_cancelled_again(server: EmrServer) -> None:
    emr, application = client("emr-serverless"), server.application
    run_id = emr.start_job_run(**request(server, "import time; time.sleep(60)"))["jobRunId"]
    run = application.run_of(run_id)
    emr.cancel_job_run(applicationId=application.id, jobRunId=run_id)
    assert run.is_ended.wait(30)
    assert run.states[-2:] == ["CANCELLING", "CANCELLED"]
    again = refusal(emr.cancel_job_run, applicationId=application.id, jobRunId=run_id)
    assert again == ("ValidationException", 400)


@pytest.mark.parametrize(
    ("path", "value"),
    [("mode", "SOMETIMES"), ("executionRoleArn", "not-an-arn-of-a-role"), ("name", "n" * 257)],
)
def test_what_the_sdk_lets_pass_is_refused_as_the_model_says(
    server: EmrServer, path: str, value: str
) -> None:
    emr = client("emr-serverless")
    wrong = {**request(server), path: value}
    assert request_refusals("emr-serverless", "StartJobRun", wrong)
    assert refusal(emr.start_job_run, **wrong) == ("ValidationException", 400)
    assert not server.application.runs


def test_what_is_not_there_is_not_found(server: EmrServer) -> None:
    emr, known = client("emr-serverless"), server.application.id
    missing = ("ResourceNotFoundException", 404)
    assert refusal(emr.get_job_run, applicationId=known, jobRunId="00enowhere") == missing
    assert refusal(emr.get_application, applicationId="00fnowhere") == missing


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 429),
        ("ExpiredTokenException", 403),
        ("InternalServerException", 500),
    ],
)
def test_faults_are_answered_once_and_in_the_protocol(
    server: EmrServer, code: Any, status: int
) -> None:
    emr = client("emr-serverless")
    server.faults.append(Fault("GetApplication", code))
    assert refusal(emr.get_application, applicationId=server.application.id) == (code, status)
    assert emr.get_application(applicationId=server.application.id)["application"]["state"]
