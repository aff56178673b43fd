"""Reports of finished executions in landing: what makes their files count.

The hazard: a report is the last object of its execution that is written, and is never rewritten; an
execution whose report is missing has not happened.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from resources.errors import ObjectMissing
from resources.objects import ObjectStore
from resources.replication import (
    ChangeReport,
    ChangeStatistics,
    LoadReport,
    StreamPosition,
    TableStatistics,
)

_LOAD, _CHANGES = "load.json", "changes.json"


def write_load(landing: ObjectStore, report: LoadReport) -> None:
    """Let a load count."""
    _write(landing, f"{report.source}/{report.load_id}/{_LOAD}", asdict(report))


def read_load(landing: ObjectStore, source: str, load_id: str) -> LoadReport | None:
    """The report of a load; None if it has none."""
    if (document := _read(landing, f"{source}/{load_id}/{_LOAD}")) is None:
        return None
    position = document.get("position")
    return LoadReport(
        **{
            **document,
            **_times(document),
            "tables": tuple(TableStatistics(**table) for table in document["tables"]),
            "position": None if position is None else _position(position),
        }
    )


def write_changes(landing: ObjectStore, report: ChangeReport) -> None:
    """Let an execution count."""
    _write(landing, f"{report.source}/{report.execution_id}/{_CHANGES}", asdict(report))


def read_changes(landing: ObjectStore, source: str, execution_id: str) -> ChangeReport | None:
    """The report of an execution; None if it has none."""
    if (document := _read(landing, f"{source}/{execution_id}/{_CHANGES}")) is None:
        return None
    return ChangeReport(
        **{
            **document,
            **_times(document),
            "until": _position(document["until"]),
            "tables": tuple(
                ChangeStatistics(
                    **{**table, "landing_date": date.fromisoformat(table["landing_date"])}
                )
                for table in document["tables"]
            ),
        }
    )


def _write(landing: ObjectStore, key: str, document: dict[str, Any]) -> None:
    landing.put(key, json.dumps(document, default=_iso, indent=2).encode())


def _read(landing: ObjectStore, key: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(landing.read(key))
    except ObjectMissing:
        return None
    return document


def _iso(moment: date) -> str:
    return moment.isoformat()


def _times(document: dict[str, Any]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(document[name]) for name in ("started_at", "finished_at")}


def _position(document: dict[str, Any]) -> StreamPosition:
    committed_at = datetime.fromisoformat(document["committed_at"])
    return StreamPosition(**{**document, "committed_at": committed_at})
