"""A job on EMR Serverless that cannot read its key: whether asking again can help is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emr import Emr, emr_on_loopback, package_with_jobs, sail_server, ship
from modelled import serving

from resources.aws import client
from resources.errors import JobFailed, ServiceUnavailable

pytestmark = pytest.mark.aws
URI = "secretsmanager:product360/treatment_keys"
JOBS = {
    "treat": """
        from spark import keys, secrets_manager
        secrets_manager.ATTEMPTS = 2
        keys.master_key(spec["uri"], "1")
        report.results([])
    """
}


class Keeper:
    """Secrets Manager that says one thing."""

    says: tuple[int, str] = (200, "")

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, str]]:
        del operation, asked
        status, code = self.says
        return status, {"__type": code, "Message": "for Mrs Smith"}


@pytest.fixture
def keeper(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    assert aws
    keeper = Keeper()
    with serving("secretsmanager", keeper) as variables:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", variables["AWS_ENDPOINT_URL"])
        yield keeper


@pytest.fixture
def emr(tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emr]:
    assert aws
    ship(package_with_jobs(tmp_path / "package", JOBS), monkeypatch.setattr)
    with (
        sail_server() as sail,
        emr_on_loopback(tmp_path, client("s3"), sail=sail) as on_loopback,
    ):
        endpoint = on_loopback.server.endpoint
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", endpoint)
        yield on_loopback


def test_a_key_that_may_not_be_read_is_final_and_one_that_is_busy_is_not(
    emr: Emr, keeper: Keeper
) -> None:
    keeper.says = (400, "AccessDeniedException")
    with pytest.raises(JobFailed, match="KeyUnavailable: The key of treatments") as denied:
        emr.run("treat", uri=URI)
    assert not denied.value.retryable
    assert "secretsmanager:GetSecretValue" in denied.value.found
    keeper.says = (400, "ThrottlingException")
    with pytest.raises(ServiceUnavailable, match="found ThrottlingException") as busy:
        emr.run("treat", uri=URI)
    assert busy.value.retryable
    assert emr.runs[-1].state == "FAILED"
    told = [*emr.said, str(denied.value), str(busy.value)]
    assert not any("Smith" in line for line in told)
