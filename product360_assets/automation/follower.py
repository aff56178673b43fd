"""Follows a run by Dagster's own events, as they are stored, and tells what it sees.

No table is asked: a materialization already says its rows, and a check whether it passed. Dagster
plans every step of a run before the first, so it is known when the last step of a part has ended.
The hazard: a step's events may come from another thread (a job's report is followed beside the
job), so one event is looked at after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from product360_assets.automation.progress import Finished, Seen, Working

if TYPE_CHECKING:
    from dagster import EventLogEntry

_ENDED = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
}


@dataclass
class _Part:
    """What is known so far of one `Finished`."""

    zone: str
    name: str
    open_steps: set[str] = field(default_factory=set)
    said: list[Mapping[str, Any]] = field(default_factory=list)
    # An audit says a check before its own step does.
    checks: dict[dg.AssetCheckKey, bool] = field(default_factory=dict)
    failed: bool = False
    reached: bool = False
    seconds: float = 0.0

    def finished(self) -> Finished:
        quarantined = self._sum("rows quarantined")
        rows_out = self._sum("rows", "rows delivered", "dagster/row_count")
        return Finished(
            zone=self.zone,
            name=self.name,
            files=self._sum("objects"),
            batches=self._sum("batches", "batches taken in"),
            rows_in=(
                self._sum("rows taken in")
                if quarantined is None or rows_out is None
                else rows_out + quarantined
            ),
            rows_out=rows_out,
            rows_quarantined=quarantined,
            checks=len(self.checks),
            checks_passed=sum(self.checks.values()),
            outcome=next((str(said["outcome"]) for said in self.said if "outcome" in said), None),
            failed=self.failed or bool(self.open_steps),
            reached=self.reached,
            seconds=self.seconds,
        )

    def _sum(self, *names: str) -> int | None:
        """The sum of the first of these numbers that every materialization says; else None."""
        for name in names:
            values: list[Any] = [said.get(name) for said in self.said]
            if values and None not in values:
                return sum(len(each) if isinstance(each, list) else int(each) for each in values)
        return None


class RunFollower:
    """Listens to the events of one run; tells what is at work, and each part that has ended."""

    def __init__(self, tell: Callable[[Seen], None]) -> None:
        self.finished: list[Finished] = []
        self._tell = tell
        self._parts: dict[tuple[str, str], _Part] = {}
        self._began: dict[str, float] = {}
        self._lock = threading.RLock()

    def __call__(self, entry: EventLogEntry) -> None:
        """Take in one event of the run."""
        with self._lock:
            if entry.dagster_event is not None:
                self._take_in(entry.dagster_event, entry.timestamp)
            elif entry.step_key is not None:
                self._working(entry.step_key, said=entry.user_message)

    def close(self) -> None:
        """The run is over: what is still open was never done."""
        with self._lock:
            for part in list(self._parts.values()):
                self._finish(part)

    def _take_in(self, event: dg.DagsterEvent, timestamp: float) -> None:
        kind, step = event.event_type, event.step_key or ""
        if kind == dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            self._part(event.asset_materialization_planned_data.asset_key).open_steps.add(step)
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            self._part(event.asset_check_planned_data.asset_key).open_steps.add(step)
        elif kind == dg.DagsterEventType.STEP_START:
            self._began[step] = timestamp
            for part in self._parts_with(step):
                part.reached = True
            self._working(step)
        elif kind == dg.DagsterEventType.STEP_UP_FOR_RETRY:
            self._working(step, said="it did not succeed, and is tried again")
        elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            made = event.step_materialization_data.materialization
            said = {name: value.value for name, value in made.metadata.items()}
            self._part(made.asset_key).said.append(said)
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluated = event.asset_check_evaluation_data
            part = self._part(evaluated.asset_key)
            part.checks[evaluated.asset_check_key] = evaluated.passed
        elif kind in _ENDED:
            self._end(step, timestamp, failed=kind == dg.DagsterEventType.STEP_FAILURE)

    def _part(self, key: dg.AssetKey) -> _Part:
        zone, name = key.path[0], key.path[1] if len(key.path) > 1 else ""
        return self._parts.setdefault((zone, name), _Part(zone, name))

    def _parts_with(self, step: str) -> list[_Part]:
        return [part for part in self._parts.values() if step in part.open_steps]

    def _working(self, step: str, said: str = "") -> None:
        for part in self._parts_with(step):
            self._tell(Working(part.zone, part.name, step, said))

    def _end(self, step: str, timestamp: float, *, failed: bool) -> None:
        for part in self._parts_with(step):
            part.open_steps.remove(step)
            part.seconds += timestamp - self._began.get(step, timestamp)
            part.failed |= failed
            if not part.open_steps:
                self._finish(part)

    def _finish(self, part: _Part) -> None:
        del self._parts[part.zone, part.name]
        self.finished.append(part.finished())
        self._tell(self.finished[-1])
