"""Which attempts at a job were begun, and how far each came: what outlives the worker that asked.

    job-runs/<work>/000001-request.json   what the service is asked for, before it is asked
    job-runs/<work>/000001-started.json   the id of the job run, as soon as it is known
    job-runs/<work>/000001-ended.json     its state and what it used, when its result was taken

Whoever wants the same work finds the last attempt. While that has not ended, there is no other: its
request is sent again, which starts nothing that has started already, and its job run is waited for.

The hazard is two workers at once. Each of these objects is created once, so that one of them loses
the race, and takes what the winner wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from resources.errors import ObjectExists
from resources.objects import ObjectStore

FOLDER = "job-runs"


@dataclass(frozen=True)
class Attempt:
    """One attempt at a piece of work.

    Attributes:
        name: its work and its number.
        identity: hash of all that the outcome depends on; another identity is another job.
        parameters: the request to the service.
        report: prefix of its report in the zone of results.
        day: the day whose budget it counts for.
        run: id of the job run, once it is known.
    """

    name: str
    identity: str
    parameters: Mapping[str, Any]
    report: str
    day: str
    run: str | None = None
    has_ended: bool = False

    @property
    def number(self) -> int:
        """Counted from 1 among the attempts at its work."""
        return int(self.name.rpartition("/")[2])


def attempt_name(work: str, number: int) -> str:
    """The name of an attempt, which says nothing of its content."""
    return f"{work}/{number:06d}"


class JobAttempts:
    """The attempts of one deployment, in the zone of results."""

    def __init__(self, results: ObjectStore) -> None:
        self._results = results

    def latest(self, work: str) -> Attempt | None:
        """The last attempt at the work; None when there is none."""
        keys = [info.key for info in self._results.list(f"{FOLDER}/{work}/")]
        requests = [key for key in keys if key.endswith("-request.json")]
        if not requests:
            return None
        attempt = self._read(requests[-1])
        stem = f"{FOLDER}/{attempt.name}"
        if f"{stem}-started.json" in keys:
            attempt = replace(attempt, run=self._document(f"{stem}-started.json")["run"])
        return replace(attempt, has_ended=f"{stem}-ended.json" in keys)

    def begin(self, attempt: Attempt) -> Attempt:
        """Write down what will be asked for; what another wrote first, where one did."""
        document = {
            "name": attempt.name,
            "identity": attempt.identity,
            "parameters": attempt.parameters,
            "report": attempt.report,
            "day": attempt.day,
        }
        key = self._key(attempt, "request")
        self._put(key, document)
        return self._read(key)

    def started(self, attempt: Attempt, run: str) -> Attempt:
        """Write down the job run of an attempt."""
        self._put(self._key(attempt, "started"), {"run": run})
        return replace(attempt, run=run)

    def ended(self, attempt: Attempt, state: str, vcpu_hours: float | None) -> None:
        """Write down that an attempt is over, and nobody needs to take its result any more."""
        self._put(self._key(attempt, "ended"), {"state": state, "vcpu_hours": vcpu_hours})

    def _key(self, attempt: Attempt, what: str) -> str:
        return f"{FOLDER}/{attempt.name}-{what}.json"

    def _put(self, key: str, document: Mapping[str, Any]) -> None:
        with suppress(ObjectExists):
            self._results.put(key, json.dumps(document, sort_keys=True, indent=1).encode())

    def _document(self, key: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._results.read(key))
        return document

    def _read(self, key: str) -> Attempt:
        return Attempt(**self._document(key))
