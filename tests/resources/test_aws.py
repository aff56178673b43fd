"""AWS clients: one factory, the SDK's own settings, and one meaning of "it does not answer"."""

import os
import time
from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from resources.aws import ATTEMPTS, client, region, translated
from resources.errors import ServiceUnavailable
from resources.objects import LakeResource

# A port that nothing listens on: connections are refused at once.
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def no_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_region_and_endpoint_are_the_sdks_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    s3 = client("s3")
    assert region() == "eu-west-3"
    assert (s3.meta.region_name, s3.meta.endpoint_url) == (
        "eu-west-3",
        "https://s3.eu-west-3.amazonaws.com",
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOBODY)
    assert client("s3").meta.endpoint_url == NOBODY
    assert client("dynamodb").meta.endpoint_url == "https://dynamodb.eu-west-3.amazonaws.com"


def test_patience_is_stated_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    config = client("s3").meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 60)  # type: ignore[attr-defined]
    assert config.retries["total_max_attempts"] == ATTEMPTS  # type: ignore[attr-defined]


def test_a_missing_region_is_named() -> None:
    with pytest.raises(ServiceUnavailable, match="AWS dynamodb: found no region") as caught:
        client("dynamodb")
    assert "AWS_DEFAULT_REGION" in caught.value.next_move
    with pytest.raises(ServiceUnavailable, match="AWS: found no region"):
        region()


def test_missing_credentials_are_named_at_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    raw = LakeResource(uri="s3://acme").zone("raw")
    with pytest.raises(ServiceUnavailable, match="no AWS credentials"):
        raw.head("p/a")
    with (
        pytest.raises(ServiceUnavailable, match="credentials"),
        translated("Amazon DynamoDB", "table acme"),
    ):
        client("dynamodb").list_tables()


@pytest.mark.usefixtures("nobody")
def test_a_service_that_is_not_there_is_unavailable_soon() -> None:
    started = time.monotonic()
    with (
        pytest.raises(ServiceUnavailable, match="Amazon DynamoDB, table acme") as caught,
        translated("Amazon DynamoDB", "table acme"),
    ):
        client("dynamodb").list_tables()
    assert isinstance(caught.value.__cause__, EndpointConnectionError)
    assert caught.value.retryable
    assert time.monotonic() - started < 30


def refusal(code: str, status: int) -> ClientError:
    response: Mapping[str, object] = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutItem")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 400), ("AccessDenied", 403), ("Anything", 503)]
)
def test_what_is_no_answer_to_the_question_means_unavailable(code: str, status: int) -> None:
    with pytest.raises(ServiceUnavailable, match=code), translated("AWS", "thing"):
        raise refusal(code, status)


@pytest.mark.parametrize(
    ("code", "status"), [("ConditionalCheckFailedException", 400), ("NoSuchKey", 404)]
)
def test_an_answer_is_left_to_who_asked(code: str, status: int) -> None:
    with pytest.raises(ClientError, match=code), translated("AWS", "thing"):
        raise refusal(code, status)
