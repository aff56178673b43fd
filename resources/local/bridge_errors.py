"""What can go wrong with a request to the catalog bridge, and what an engine is told about it.

The hazard is in the statuses: after 5xx an engine leaves the commit's files alone, after 4xx it
deletes them (409: and tries again). 4xx for an applied commit makes its table unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class RefusedError(Exception):
    """A request that the bridge answers with an error of the Iceberg REST protocol."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class CommitFault:
    """One failure to inject into the next commit, for tests.

    Attributes:
        moment: `before`: nothing is applied; `after`: the commit is applied and its answer lost.
        status: the HTTP status that the engine gets instead; None cuts the connection. Only 5xx
            and None after the commit: told 4xx, both engines delete the files of what they take
            for a failed commit, and the table can no longer be read.
    """

    moment: Literal["before", "after"]
    status: int | None

    def __post_init__(self) -> None:
        """Refuse to break a table."""
        if self.moment == "after" and self.status is not None and self.status < 500:
            raise ValueError(f"{self} would make the engine delete files of an applied commit")


class InjectedFaultError(Exception):
    """A fault that a test asked for; the routes turn it into its status."""

    def __init__(self, fault: CommitFault) -> None:
        super().__init__(f"injected fault {fault}")
        self.status = fault.status


class CommitStateUnknownError(Exception):
    """A commit failed and the catalog cannot be asked whether it was applied."""


def as_refused(error: Exception) -> RefusedError:
    """The answer to an error; 5xx only where a commit's state is unknown, or for a read."""
    from pydantic import ValidationError
    from pyiceberg import exceptions
    from sqlalchemy.exc import OperationalError

    from resources.local.sql_catalog import is_busy

    if isinstance(error, RefusedError):
        return error
    if isinstance(error, OperationalError) and is_busy(error):
        return RefusedError(409, "CommitFailedException", str(error))
    known: tuple[tuple[type[Exception], int, str], ...] = (
        (exceptions.NoSuchTableError, 404, "NoSuchTableException"),
        (exceptions.NoSuchNamespaceError, 404, "NoSuchNamespaceException"),
        (exceptions.CommitFailedException, 409, "CommitFailedException"),
        (exceptions.TableAlreadyExistsError, 409, "AlreadyExistsException"),
        (CommitStateUnknownError, 500, "CommitStateUnknownException"),
        (ValidationError, 400, "BadRequestException"),
    )
    for kind, status, name in known:
        if isinstance(error, kind):
            return RefusedError(status, name, str(error))
    return RefusedError(400, "BadRequestException", f"{type(error).__name__}: {error}")
