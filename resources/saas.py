"""SaaS pulls: how the objects of a service behind an HTTP API reach the landing area.

One execution pulls the records of one object that changed in a window of time and writes them in
the shapes of AWS AppFlow: JSON lines under the execution's own prefix. An execution that breaks off
leaves files under its prefix; only those whose record says "Successful" are ever accepted.

The hazard: a pull by time of change never sees a deletion. So an execution may also ask for some
fields of every record there is; what such a list of keys lacks was deleted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

if TYPE_CHECKING:
    from resources.objects import ObjectStore

# A field that no service sends and that delivered deletions have; its value is D.
OPERATION = "_operation"

# AppFlow's words.
ExecutionStatus = Literal["InProgress", "Successful", "Error"]


@dataclass(frozen=True)
class PullRequest:
    """One execution for one object of a service.

    Attributes:
        object_name: the service's name of the object.
        execution_id: names the prefix; unique within the object.
        modified_since: where the window begins; None pulls everything.
        modified_until: the source's time at the start, at which the window ends.
        fields: only these fields, of every record there is whenever it changed; none means all
            fields of the window's records.
    """

    source: str
    table: str
    object_name: str
    execution_id: str
    modified_since: datetime | None
    modified_until: datetime
    fields: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """What the landing keys of its files begin with. A list of keys is nowhere near data."""
        below = f"{self.source}/{self.object_name}/{self.execution_id}/"
        return f"_keys/{below}" if self.fields else below


@dataclass(frozen=True)
class PullReport:
    """What an execution wrote. No records, no files, as with AppFlow.

    Attributes:
        prefix: landing keys of its files begin with this.
        requests: HTTP requests made, of which `waits` failed or were answered "wait".
        fields: the fields that any record had, with the JSON types of their values by name; null
            is no type.
    """

    prefix: str
    rows: int
    files: int
    bytes: int
    requests: int
    waits: int
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Execution:
    """One execution record. Times are the service's that ran it, in UTC; they order nothing.

    Attributes:
        records: how many were pulled, also by one that failed.
        message: why it failed.
        report: only of a successful one.
    """

    execution_id: str
    status: ExecutionStatus
    started_at: datetime
    last_updated_at: datetime
    records: int
    message: str | None
    report: PullReport | None


class SaasResource(dg.ConfigurableResource[Any], ABC):
    """Pulls objects of a service into landing."""

    @abstractmethod
    def clock(self, connection: Mapping[str, str]) -> datetime:
        """The source's time now, in UTC."""

    @abstractmethod
    def pull(
        self,
        request: PullRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> PullReport:
        """Write the records that are asked for and return what was written.

        Raises:
            SourceUnreachable: the service does not answer, or asks to wait for too long.
            SourceRejected: it refuses the credentials, or has no such object.
            ObjectExists: another execution of this id has begun.
        """

    @abstractmethod
    def execution(self, request: PullRequest, *, landing: ObjectStore) -> Execution | None:
        """The record of the request's execution; None for one that never began."""
