"""Refusals of Secrets Manager, as a job tells them; the service speaks as the SDK's model says."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from modelled import serving

from spark import secrets_manager
from spark.failures import KeyUnanswered, KeyUnavailable
from spark.keys import master_key

KEY = "5ec2e7" * 10 + "abcd"
RING = f'{{"current": "1", "1": "{KEY}"}}'
NAME = "product360/treatment_keys"
URI = f"secretsmanager:{NAME}"
# A port that nothing listens on: connections are refused at once.
NOBODY = "http://127.0.0.1:1"


@dataclass
class Keeper:
    """The service with one secret; refusals come first, each once, the last one for ever."""

    refusals: list[tuple[int, str]] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=lambda: {"SecretString": RING})
    asked: list[str] = field(default_factory=list)

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, str]]:
        self.asked.append(f"{operation} {asked['SecretId']}")
        if self.refusals:
            status, code = self.refusals.pop(0) if len(self.refusals) > 1 else self.refusals[0]
            return status, {"__type": code, "Message": f"session token of {KEY}"}
        return 200, self.held


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(secrets_manager, "ATTEMPTS", 2)
    master_key.cache_clear()
    service = Keeper()
    with serving("secretsmanager", service) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield service
    master_key.cache_clear()


def refused(kind: type[KeyUnavailable] = KeyUnavailable) -> str:
    """What a job says that cannot read the key; nothing of what the service said."""
    with pytest.raises(kind) as caught:
        master_key(URI, "1")
    assert type(caught.value) is kind
    assert caught.value.retryable == (kind is KeyUnanswered)
    assert caught.value.__suppress_context__
    said = str(caught.value)
    assert URI in said
    assert "token" not in said
    assert KEY not in said
    return said


def test_a_process_asks_for_a_version_once(keeper: Keeper) -> None:
    assert [master_key(URI, "1") for _ in range(3)] == [bytes.fromhex(KEY)] * 3
    assert keeper.asked == [f"GetSecretValue {NAME}"]


@pytest.mark.parametrize(
    ("status", "code", "next_move"),
    [
        (400, "AccessDeniedException", "policy of the job's role"),
        (400, "ResourceNotFoundException", "product360 keys rotate"),
        (400, "DecryptionFailure", "kms:Decrypt"),
        (400, "InvalidRequestException", "restore-secret"),
        (400, "UnrecognizedClientException", "docs/aws.md"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(
    keeper: Keeper, status: int, code: str, next_move: str
) -> None:
    keeper.refusals = [(status, code)]
    said = refused()
    assert f"found {code}." in said
    assert next_move in said
    assert len(keeper.asked) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ThrottlingException"), (500, "InternalServiceError"), (503, "ServiceUnavailable")],
)
def test_who_is_busy_is_asked_again_and_the_job_may_come_back(
    keeper: Keeper, status: int, code: str
) -> None:
    keeper.refusals = [(status, code)]
    assert f"found {code}." in refused(KeyUnanswered)
    assert len(keeper.asked) == 2
    # What failed is not remembered.
    keeper.refusals = []
    assert master_key(URI, "1") == bytes.fromhex(KEY)


def test_who_is_busy_once_is_not_told_of(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    real = keeper.answer

    def busy_once(operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, str]]:
        status, answer = real(operation, asked)
        keeper.refusals = []
        return status, answer

    keeper.refusals = [(400, "ThrottlingException")]
    monkeypatch.setattr(keeper, "answer", busy_once)
    assert master_key(URI, "1") == bytes.fromhex(KEY)
    assert len(keeper.asked) == 2


def test_a_service_out_of_reach_may_be_there_later(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The name of this service alone, as for any tool of AWS.
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", NOBODY)
    assert "EndpointConnectionError" in refused(KeyUnanswered)
    assert keeper.asked == []


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "NoCredentialsError"),
        (["AWS_DEFAULT_REGION"], "NoRegionError"),
    ],
)
def test_who_has_no_credentials_or_no_region_is_told_so(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, missing: list[str], found: str
) -> None:
    for name in missing:
        monkeypatch.delenv(name)
    assert f"found {found}." in refused()


def test_an_image_without_the_sdk_is_named(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    said = refused()
    assert "found no boto3 on this image" in said
    assert "docs/aws.md" in said


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "5", '{"1": 5}', f'{{"1": "{KEY}0"}}', '{"1": "words"}']
)
def test_what_is_no_ring_of_keys_is_said_without_its_content(keeper: Keeper, text: str) -> None:
    keeper.held = {"SecretString": text} if text else {}
    assert "words" not in refused()


def test_the_key_is_in_no_log_however_much_is_logged(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    master_key(URI, "1")
    assert KEY not in caplog.text
    # Without the protection it is.
    logging.getLogger("botocore.parsers").setLevel(logging.DEBUG)
    try:
        master_key.cache_clear()
        master_key(URI, "1")
    finally:
        logging.getLogger("botocore.parsers").setLevel(logging.NOTSET)
    assert KEY in caplog.text
