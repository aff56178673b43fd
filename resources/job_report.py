"""The report of a job, followed event by event while it runs, on a laptop and on a cluster.

A job says where it is by writing small files (`spark/report.py`); nobody would see them before its
end if nobody looked. So a thread looks twice a second, which costs a listing of a folder that holds
a handful of files. The hazard: an engine may still be writing what the listing shows. An event
counts when its line has come to its end, and the last look, after the job, sees them all.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from resources.errors import (
    JobFailed,
    ObjectExists,
    Product360Error,
    ReportMissing,
    ServiceUnavailable,
)
from resources.jobs import JobRequest, JobResult
from resources.objects import ObjectStore

SPECS = "job-specs"
REPORTS = "job-reports"

LOOK_EVERY_SECONDS = 0.5


class JobReportReader:
    """The events of one attempt of one job, in the order in which they were reported."""

    def __init__(self, results: ObjectStore, prefix: str, log: Callable[[str], None]) -> None:
        self.events: list[dict[str, Any]] = []
        self._results = results
        self._prefix = prefix
        self._log = log
        self._read: set[str] = set()

    def look(self) -> None:
        """Read what is new, and tell what the job says of its progress."""
        for key in self._new_keys():
            lines = self._results.read(key).decode().splitlines(keepends=True)
            if not lines or not lines[-1].endswith("\n"):
                continue
            self._read.add(key)
            for event in map(json.loads, lines):
                self.events.append(event)
                if event["event"] == "progress":
                    self._log(event["message"])

    def look_until(self, ended: threading.Event, every_seconds: float) -> None:
        """Look again and again. What goes wrong for good, the last look meets, whose caller hears.

        A file may be renamed between listing and reading: the next look finds it.
        """
        while not ended.wait(every_seconds):
            with suppress(Exception):
                self.look()

    def _new_keys(self) -> list[str]:
        listed = (info.key for info in self._results.list(self._prefix))
        return [key for key in listed if key not in self._read and self._is_event(key)]

    def _is_event(self, key: str) -> bool:
        """Not what a writer keeps beside its events, under names that it hides."""
        parts = key.removeprefix(self._prefix).split("/")
        return not any(part.startswith(("_", ".")) for part in parts)


@contextmanager
def followed(
    results: ObjectStore,
    prefix: str,
    log: Callable[[str], None],
    every_seconds: float = LOOK_EVERY_SECONDS,
) -> Iterator[JobReportReader]:
    """Follow the report while the block runs; after it, `events` holds all of them.

    Args:
        results: the zone that holds the report.
        prefix: the report's folder, with a slash at its end.
        log: is told every progress event, while the job runs, from another thread.
        every_seconds: the pause between two looks, each of which is a listing.
    """
    reader = JobReportReader(results, prefix, log)
    ended = threading.Event()
    follower = threading.Thread(
        target=reader.look_until, args=(ended, every_seconds), name="job-report", daemon=True
    )
    follower.start()
    try:
        yield reader
    finally:
        ended.set()
        follower.join()
    reader.look()


def publish_spec(results: ObjectStore, work: str, request: JobRequest) -> str:
    """Write the job's document under the name of its work; its URI."""
    key = f"{SPECS}/{work}.json"
    # It is there when the same work was asked for before: the name holds the hash of the bytes.
    with suppress(ObjectExists):
        results.put(key, request.document)
    return results.uri_of(key)


def results_in(
    events: Sequence[Mapping[str, Any]], *, what: str, report_uri: str
) -> tuple[JobResult, ...]:
    """What the job says that it did.

    Raises:
        ReportMissing: it says nothing of results.
    """
    results = results_of(events)
    if results is None:
        raise ReportMissing(
            what,
            found=f"no results among {len(events)} event(s) below {report_uri}",
            expected="one `results` event, even if it is empty",
            next_move="make the job call `report.results(...)` at its end",
        )
    return results


def results_of(events: Sequence[Mapping[str, Any]]) -> tuple[JobResult, ...] | None:
    """What was reported as results; None as long as nothing was."""
    reported = [event for event in events if event["event"] == "results"]
    return tuple(JobResult(**result) for result in reported[-1]["results"]) if reported else None


@dataclass(frozen=True)
class ToldFailure:
    """Why a job says that it failed, and whether the same job may succeed later."""

    reason: str
    retryable: bool

    @property
    def error(self) -> type[Product360Error]:
        """The error of a runner that tells of it."""
        return ServiceUnavailable if self.retryable else JobFailed


def failure_in(
    events: Sequence[Mapping[str, Any]], log: Callable[[str], None]
) -> ToldFailure | None:
    """Why the job says that it failed; its frames are told to `log`. None where it does not."""
    told = [event for event in events if event["event"] == "failed"]
    if not told:
        return None
    if told[-1]["frames"]:
        log(told[-1]["frames"])
    # A job of an earlier release does not say whether it may be tried again.
    return ToldFailure(str(told[-1]["message"]), told[-1].get("retryable") is True)
