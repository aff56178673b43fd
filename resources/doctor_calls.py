"""Calls to AWS that only look, and what a refusal of one means for a reader.

The hazard is the message of a refusal: beside what is wrong it may quote the request, with a
session's token in it. Only its code is told, as every code that matters here has a known fix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from resources.aws import Service, client
from resources.doctor import Finding
from resources.errors import ServiceUnavailable

DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedFault",
        "AuthorizationError",
        "UnauthorizedOperation",
    }
)
_RENEW = "renew them (aws sso login, or whatever issued them), then again"
_FIXES = {
    "NoCredentialsError": "export AWS_PROFILE, or give this machine or task a role",
    "PartialCredentialsError": "set both halves of the key, or use a profile or a role instead",
    "ProfileNotFound": "correct AWS_PROFILE; aws configure list-profiles says which there are",
    "ExpiredToken": _RENEW,
    "ExpiredTokenException": _RENEW,
    "InvalidClientTokenId": "use credentials of this account and partition that still exist",
    "InvalidAccessKeyId": "use credentials of this account and partition that still exist",
    "UnrecognizedClientException": "use credentials of this account and partition that still exist",
    "SignatureDoesNotMatch": "correct the secret key, and this machine's clock",
    "RequestTimeTooSkewed": "set this machine's clock, by NTP for example",
    "ValueError": "correct AWS_ENDPOINT_URL or AWS_DEFAULT_REGION: together they are no address",
    "EndpointConnectionError": "correct AWS_DEFAULT_REGION or AWS_ENDPOINT_URL, or let this "
    "machine reach it",
    "ConnectTimeoutError": "let this machine reach the service: proxy, routes, security groups",
}
_USUAL_FIX = "see what `aws sts get-caller-identity` says, and the region and endpoint in use"


class Clients:
    """The client of each service, made once for one examination."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __call__(self, service: Service) -> Any:  # noqa: ANN401 - of most no types are installed
        """The client of a service."""
        if service not in self._made:
            self._made[service] = client(service)
        return self._made[service]


@dataclass(frozen=True)
class Answer:
    """What a call gave; `code` is empty unless it was refused."""

    value: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""


def ask(call: Callable[[], Mapping[str, Any]]) -> Answer:
    """Make one call."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return Answer(call())
    except ClientError as error:
        return Answer(code=code_of(error))
    except (BotoCoreError, ValueError) as error:
        # A ValueError is how the SDK refuses an endpoint that is no address.
        return Answer(code=type(error).__name__)
    except ServiceUnavailable as error:
        if error.__cause__ is None:
            raise
        return Answer(code=code_of(error.__cause__))


def code_of(error: BaseException) -> str:
    """The code of an error of the SDK, by which a service's documentation lists it."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def refusal(thing: str, action: str, code: str, *, needed: bool = True) -> Finding:
    """The finding of a call that was refused.

    Args:
        thing: what was asked about.
        action: the right it takes, as IAM calls it.
        code: the refusal's.
        needed: whether the platform makes this call too; otherwise only the doctor does.
    """
    if code not in DENIED:
        return Finding(thing, "failed", code, "an answer", _FIXES.get(code, _USUAL_FIX))
    if needed:
        fix = f"allow {action} on it in the policy of the caller's role"
        return Finding(thing, "failed", f"{action} is denied ({code})", f"{action} allowed", fix)
    return Finding(
        thing,
        "skipped",
        f"not looked at, as {action} is denied ({code}); the platform itself does not need it",
        f"{action} allowed to whoever runs the doctor",
        f"run it as somebody who has {action}, or look there by hand",
    )
