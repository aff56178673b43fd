"""How the Glue Data Catalog answers: which refusals end a piece of work, and which may pass.

A right that is missing, or a request that Glue cannot take, stays so until somebody acts.
Throttling and a service that is out of order pass by themselves, in an answer as in a part of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resources.aws import translated
from resources.errors import CatalogRefused, ServiceUnavailable
from resources.external_tables import DESCRIPTION_LENGTH, one_line

SERVICE = "Glue Data Catalog"
DENIED = frozenset({"AccessDeniedException", "AccessDenied"})
PASSING = frozenset(
    {
        "ConcurrentModificationException",
        "InternalServiceException",
        "OperationTimeoutException",
        "RequestLimitExceeded",
        "ResourceNotReadyException",
        "Throttling",
        "ThrottlingException",
    }
)
# Answers that the caller knows what to do with.
_KNOWN = frozenset(
    {"AlreadyExistsException", "ConcurrentModificationException", "EntityNotFoundException"}
)


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turn what Glue refuses into errors of ours; answers that a caller knows pass.

    Raises:
        CatalogRefused: Glue says no, and will again.
        ServiceUnavailable: it does not answer, or asks for patience.
    """
    from botocore.exceptions import ClientError

    try:
        with translated(SERVICE, what):
            try:
                yield
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code in DENIED:
                    raise denied(what, code) from error
                raise
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _KNOWN:
            raise
        message = str(error.response.get("Error", {}).get("Message", ""))
        raise failure_of(what, code, message) from error


def fitted(glue: Any) -> Any:  # noqa: ANN401 - no types are installed
    """The client, whose tables are described within the limits of Glue, whoever describes them.

    PyIceberg sends a column's whole documentation as its comment, and Glue refuses a table for one
    comment of more than 255 characters. The table itself keeps it whole.
    """
    for operation in ("CreateTable", "UpdateTable"):
        glue.meta.events.register(f"provide-client-params.glue.{operation}", _fit)
    return glue


def _fit(params: dict[str, Any], **_: object) -> None:
    told = params["TableInput"]
    if "Description" in told:
        told["Description"] = one_line(told["Description"], DESCRIPTION_LENGTH)
    for column in told.get("StorageDescriptor", {}).get("Columns", ()):
        if "Comment" in column:
            column["Comment"] = one_line(column["Comment"])


def failure_of(what: str, code: str, message: str) -> CatalogRefused | ServiceUnavailable:
    """The error for a code that Glue gave, in an answer or for a part of it."""
    if code in PASSING:
        return ServiceUnavailable(
            f"{SERVICE}, {what}",
            found=f"{code}: {message}",
            expected="an answer",
            next_move="try again; what was done stays, and is not done twice",
        )
    if code in DENIED:
        return denied(what, code)
    return refused(
        what,
        found=f"{code}: {message}",
        expected=f"a request that the {SERVICE} takes",
        next_move="look at the entry with `product360 catalog show`, and at the limits of Glue",
    )


def denied(what: str, code: str) -> CatalogRefused:
    """The error for a right that is missing; the message of a denial may quote a token."""
    return refused(
        what,
        found=f"{code}: the role of this process may not do that",
        expected="the rights that the deployment gives to whoever runs Dagster",
        next_move="run `product360 doctor`, which names the right that is missing",
    )


def refused(what: str, *, found: str, expected: str, next_move: str) -> CatalogRefused:
    """The error for a thing in this catalog that stays as it is."""
    return CatalogRefused(f"{SERVICE}, {what}", found=found, expected=expected, next_move=next_move)
