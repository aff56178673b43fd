"""Execution records of pulls, as AppFlow's DescribeFlowExecutionRecords gives them.

A record lies in landing, apart from all data: one object when the execution begins, one when it
ends. The second is written after every file of the execution, so a record that says "Successful"
vouches for them all. The hazard: a killed execution never ends. It stays "InProgress" for ever, and
whoever is told so must not wait for it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from resources.errors import ObjectMissing
from resources.saas import Execution, ExecutionStatus, PullReport, PullRequest

if TYPE_CHECKING:
    from resources.objects import ObjectStore

FOLDER = "_executions"


class ExecutionRecord:
    """The record of one execution that this process runs; it begins with this object.

    Raises:
        ObjectExists: another execution of this id has begun.
    """

    def __init__(self, request: PullRequest, landing: ObjectStore) -> None:
        self._request = request
        self._landing = landing
        self._started_at = datetime.now(UTC)
        landing.put(_key(request, "began"), _document(self._facts("InProgress", records=0)))

    def succeed(self, report: PullReport) -> None:
        """End it well."""
        facts = self._facts("Successful", records=report.rows, written=report.bytes)
        self._write({**facts, "report": asdict(report)})

    def fail(self, message: str, *, records: int) -> None:
        """End it with what went wrong, after so many records."""
        facts = self._facts("Error", records=records)
        facts["executionResult"]["errorInfo"] = {"executionMessage": message}
        self._write(facts)

    def _write(self, facts: dict[str, Any]) -> None:
        self._landing.put(_key(self._request, "ended"), _document(facts))

    def _facts(self, status: ExecutionStatus, *, records: int, written: int = 0) -> dict[str, Any]:
        since = self._request.modified_since
        return {
            "executionId": self._request.execution_id,
            "executionStatus": status,
            "executionResult": {"recordsProcessed": records, "bytesWritten": written},
            "startedAt": self._started_at.isoformat(),
            "lastUpdatedAt": datetime.now(UTC).isoformat(),
            "dataPullStartTime": None if since is None else since.isoformat(),
            "dataPullEndTime": self._request.modified_until.isoformat(),
        }


def execution_record(request: PullRequest, landing: ObjectStore) -> Execution | None:
    """What is recorded of the request's execution; None for one that never began."""
    for moment in ("ended", "began"):
        try:
            return _execution(json.loads(landing.read(_key(request, moment))))
        except ObjectMissing:
            continue
    return None


def _execution(document: dict[str, Any]) -> Execution:
    result = document["executionResult"]
    report = document.get("report")
    return Execution(
        execution_id=document["executionId"],
        status=document["executionStatus"],
        started_at=datetime.fromisoformat(document["startedAt"]),
        last_updated_at=datetime.fromisoformat(document["lastUpdatedAt"]),
        records=result["recordsProcessed"],
        message=result.get("errorInfo", {}).get("executionMessage"),
        report=None if report is None else _report(report),
    )


def _report(document: dict[str, Any]) -> PullReport:
    fields = {name: tuple(types) for name, types in document["fields"].items()}
    return PullReport(**{**document, "fields": fields})


def _key(request: PullRequest, moment: str) -> str:
    return f"{FOLDER}/{request.prefix}{moment}.json"


def _document(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, indent=1, ensure_ascii=False).encode()
