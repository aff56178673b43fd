"""The one factory of AWS clients; region, endpoint and credentials are the SDK's own settings.

Point a service elsewhere with AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_<SERVICE>, as for any AWS tool;
nothing in the product knows whether it talks to AWS. The hazard: botocore waits 60 s and retries
quietly by default; here every client has the same short, stated patience.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

from resources.errors import ServiceUnavailable

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

Service = Literal[
    "s3",
    "dynamodb",
    "secretsmanager",
    "sqs",
    "sns",
    "dms",
    "emr-serverless",
    "glue",
    "kinesis",
    "events",
    "iam",
    "sts",
]

CONNECT_SECONDS = 5
READ_SECONDS = 60
ATTEMPTS = 5
CONNECTIONS = 16


def session() -> boto3.Session:
    """A session of the SDK: profile, region and credentials as any AWS tool finds them."""
    import boto3

    return boto3.Session()


@overload
def client(service: Literal["s3"]) -> S3Client: ...
@overload
def client(service: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service: Literal["secretsmanager"]) -> SecretsManagerClient: ...
@overload
def client(  # no types are installed
    service: Literal[
        "sqs", "sns", "dms", "emr-serverless", "glue", "kinesis", "events", "iam", "sts"
    ],
) -> Any: ...  # noqa: ANN401


def client(service: Service) -> Any:
    """A client of a service, safe to share between threads; makes no request.

    Raises:
        ServiceUnavailable: no region is set.
    """
    from botocore.config import Config
    from botocore.exceptions import NoRegionError

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        user_agent_extra="product360",
    )
    make: Any = session().client
    try:
        return make(service, config=config)
    except NoRegionError as error:
        raise _nowhere(f"AWS {service}") from error


def region() -> str:
    """The region of the SDK's settings.

    Raises:
        ServiceUnavailable: none is set.
    """
    found = session().region_name
    if not found:
        raise _nowhere("AWS")
    return str(found)


def _nowhere(thing: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        thing,
        found="no region in AWS_DEFAULT_REGION or the AWS profile",
        expected="the region where the platform is deployed",
        next_move="export AWS_DEFAULT_REGION, or set region in the AWS profile",
    )


@contextmanager
def translated(service: str, what: str) -> Iterator[None]:
    """Turn "the service does not answer" into ServiceUnavailable; let its answers pass.

    An answer (a failed condition, a missing secret) is a ClientError with a code that the caller
    knows; no connection, no credentials, throttling and a broken service are the same to all.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if _answers(error.response):
            raise
        raise _unavailable(service, what, error) from error
    except BotoCoreError as error:
        raise _unavailable(service, what, error) from error


_NOT_ANSWERS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedFault",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "NoSuchBucket",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SignatureDoesNotMatch",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "UnrecognizedClientException",
    }
)


def _answers(response: Mapping[str, Any]) -> bool:
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status < 500 and response.get("Error", {}).get("Code") not in _NOT_ANSWERS


def _unavailable(service: str, what: str, error: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"{service}, {what}",
        found=str(error),
        expected="an answer",
        next_move="check credentials, permissions, region and endpoint with "
        "`aws sts get-caller-identity`, then try again",
    )
