"""One AWS-compatible server on loopback for the session, and fresh buckets on it."""

import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args

import pytest

from resources.ledger import Ledger

READY_SECONDS = 60
REGION: Literal["eu-west-1"] = "eu-west-1"


@pytest.fixture(scope="session")
def aws_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's URL. It answers for all that is asked here, in memory only."""
    if importlib.util.find_spec("ministack") is None:
        pytest.skip("the package ministack (extra `test`) is not installed")
    folder = tmp_path_factory.mktemp("ministack")
    port = _free_port()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            cwd=folder,
            env=_server_environment(port, folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        _wait_until_ready(endpoint, server, folder / "log")
        yield endpoint
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture
def aws(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the AWS SDK of this process at the server, as a user would point any AWS tool."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws_variables(aws_endpoint).items():
        monkeypatch.setenv(name, value)
    return aws_endpoint


def aws_variables(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def lake_prefix(aws: str) -> str:
    """The prefix of a fresh set of zone buckets."""
    from resources.aws import client
    from resources.objects import Zone

    prefix = f"test-{secrets.token_hex(4)}"
    s3 = client("s3")
    for zone in get_args(Zone):
        s3.create_bucket(
            Bucket=f"{prefix}-{zone}", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
    return prefix


@pytest.fixture(params=["sqlite", pytest.param("dynamodb", marks=pytest.mark.aws)])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Ledger]:
    """Each call opens the same ledger anew, as another process would."""
    if request.param == "sqlite":
        from resources.local.ledger import SqliteLedgerResource

        return SqliteLedgerResource(path=str(tmp_path / "home" / "ledger.db")).open
    request.getfixturevalue("aws")
    from resources.aws import client
    from resources.dynamodb import DynamoLedgerResource
    from resources.dynamodb_items import create_table

    table = f"ledger-{secrets.token_hex(4)}"
    create_table(client("dynamodb"), table)
    return DynamoLedgerResource(table=table).open


def _server_environment(port: int, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # Without this it also listens on port 8883 of every address.
        "IOT_MTLS_ENABLED": "false",
        "SERVICES": "s3,dynamodb,glue,secretsmanager,sts,sqs,sns,events",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(endpoint: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(endpoint, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"ministack does not answer at {endpoint}; its log:\n{log.read_text()[-3000:]}")
