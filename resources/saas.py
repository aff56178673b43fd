"""SaaS pulls: how the objects of a service behind an HTTP API reach the landing area.

One execution pulls the records of one object that changed in a window of time and writes them in
the shapes of AWS AppFlow: JSON lines under the execution's own prefix. An execution that breaks off
leaves files under its prefix; only those whose record says "successful" are ever accepted.

The hazard: a pull by time of change never sees a deletion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from resources.objects import ObjectStore


@dataclass(frozen=True)
class PullRequest:
    """One execution for one object of a service.

    Attributes:
        object_name: the service's name of the object.
        execution_id: names the prefix; unique within the object.
        modified_since: the watermark of the last successful execution; None pulls everything.
        modified_until: the source's time at the start; the next watermark.
    """

    source: str
    table: str
    object_name: str
    execution_id: str
    modified_since: datetime | None
    modified_until: datetime


@dataclass(frozen=True)
class PullReport:
    """What an execution wrote. No records, no files, as with AppFlow.

    Attributes:
        prefix: landing keys of its files begin with this.
        requests: HTTP requests made, of which `waits` were answered "too many, wait".
    """

    prefix: str
    rows: int
    files: int
    bytes: int
    requests: int
    waits: int


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
        """Write the records changed in the window and return what was written.

        Raises:
            SourceUnreachable: the service does not answer, or asks to wait for too long.
            SourceRejected: it refuses the credentials, or has no such object.
            ObjectExists: another execution of this id has begun.
        """
