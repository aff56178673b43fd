"""One AWS-compatible server on loopback for the session, and fresh buckets on it."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from aws_endpoints import REGION, aws_on_loopback, aws_variables
from emr import sail_server
from glue_passage import GluePassage, passing

from resources.ledger import Ledger


@pytest.fixture(scope="session")
def aws_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's URL. It answers for all that is asked here, in memory only."""
    with aws_on_loopback(tmp_path_factory.mktemp("ministack")) as endpoint:
        yield endpoint


@pytest.fixture
def aws(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the AWS SDK of this process at the server, as a user would point any AWS tool."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws_variables(aws_endpoint).items():
        monkeypatch.setenv(name, value)
    return aws_endpoint


@pytest.fixture
def passage(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[GluePassage]:
    with passing(aws) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", found.endpoint)
        yield found


@pytest.fixture(scope="module")
def sail() -> Iterator[str]:
    """The address of a server that runs jobs of EMR Serverless in a second."""
    with sail_server() as address:
        yield address


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
