"""A secret in AWS Secrets Manager, read with the job's own role by the SDK for Python.

The only module here that needs more than Spark, and only where it is asked. Driver and workers each
ask for themselves. What the driver handed on would stand in pickled plans and broadcast files; the
SDK of the JVM is out of a worker's reach; and the ways by which a role comes to a process are too
many to be written anew. AWS does not promise that an image has boto3, so a missing one is named.

The hazard is the SDK's own words: its messages may quote a request, and at DEBUG it logs answers.
Of a refusal only the code is told, and its loggers are kept from DEBUG.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from spark.failures import KeyUnanswered, KeyUnavailable

CONNECT_SECONDS = 5
READ_SECONDS = 20
ATTEMPTS = 5
_COME_BACK = frozenset(
    {
        "ExpiredTokenException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_FIXES = {
    "AccessDeniedException": "Allow secretsmanager:GetSecretValue on it, and kms:Decrypt on its "
    "key, in the policy of the job's role.",
    "DecryptionFailure": "Allow kms:Decrypt on its key in the policy of the job's role.",
    "InvalidRequestException": "It may be marked for deletion: "
    "`aws secretsmanager restore-secret --secret-id` and its name.",
    "ResourceNotFoundException": "`product360 keys rotate` publishes the first key; or correct "
    "PRODUCT360_SECRETS_PREFIX.",
}
_USUAL_FIX = "Compare the job's role, region and network with docs/aws.md."
_AGAIN = "It may answer later: run the job again."
_NO_SDK = "Give the application an image with boto3 (docs/aws.md says how)."


def secret_text(name: str) -> str:
    """The text of the secret's current version; empty where it is no text.

    Raises:
        KeyUnavailable: there is none, this role may not read it, or the image has no SDK.
        KeyUnanswered: the service does not answer, although the SDK has asked it again.
    """
    try:
        import boto3
        from botocore import exceptions as sdk
        from botocore.config import Config
    except ImportError:
        raise KeyUnavailable(_said(name, "no boto3 on this image", _NO_SDK)) from None
    logging.getLogger("botocore").setLevel(logging.INFO)
    patience = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    try:
        client = boto3.Session().client("secretsmanager", config=patience)
        return str(client.get_secret_value(SecretId=name).get("SecretString", ""))
    except sdk.ClientError as error:
        raise _refused(name, error.response) from None
    except (sdk.HTTPClientError, sdk.ConnectionError) as error:
        raise KeyUnanswered(_said(name, type(error).__name__, _AGAIN)) from None
    except (sdk.BotoCoreError, ValueError) as error:
        # No credentials, no region; a ValueError is how the SDK refuses an address.
        raise KeyUnavailable(_said(name, type(error).__name__, _USUAL_FIX)) from None


def _refused(name: str, response: Mapping[str, Any]) -> KeyUnavailable:
    code = str(response.get("Error", {}).get("Code", "an error without a code"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _COME_BACK or status >= 500:
        return KeyUnanswered(_said(name, code, _AGAIN))
    return KeyUnavailable(_said(name, code, _FIXES.get(code, _USUAL_FIX)))


def _said(name: str, found: str, next_move: str) -> str:
    return (
        f"The key of treatments, secretsmanager:{name}: found {found}. Expected a secret that this "
        f"job may read. Nothing was treated. {next_move}"
    )
