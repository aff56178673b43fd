"""Which zone a run's time and CPU went to: Dagster's own record of its steps, laid over the tree's.

Steps run one after another and wait for what they start, so what the tree used between a step's
start and its end is the step's. What lies between steps, before the first and after the last is
the orchestration: starting Python, loading the graph, planning runs, recording events, ending. CPU
is told apart by process: the platform's own Python, and everything below it, which is the engine
(for Sail, its server; for Apache Spark, the JVM and its Python workers).

The hazard is the clock: both records use the machine's wall clock, sampled every 50 ms. A step of
less is uncertain by its own size; sums over a zone are not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from benchmarks.measure import Measured

ORCHESTRATION = "orchestration"


@dataclass(frozen=True)
class StepTime:
    """One step of one run: what it made, and when it began and ended (seconds since 1970)."""

    job: str
    key: str
    zone: str
    tables: tuple[str, ...]
    is_check: bool
    began: float
    ended: float


@dataclass(frozen=True)
class StepCost:
    """What a step, or all steps of a group, took; seconds."""

    wall: float
    python: float
    engine: float

    @property
    def cpu(self) -> float:
        """CPU seconds of both."""
        return self.python + self.engine

    def __add__(self, other: StepCost) -> StepCost:
        """Both together."""
        return StepCost(
            self.wall + other.wall, self.python + other.python, self.engine + other.engine
        )


NOTHING = StepCost(0.0, 0.0, 0.0)


def steps_since(instance: dg.DagsterInstance, since: float) -> list[StepTime]:
    """Every step of every run that began after a moment, in order."""
    records = instance.get_run_records(ascending=True)
    runs = [record.dagster_run for record in records if (record.start_time or 0) >= since]
    return [step for run in runs for step in _steps(instance, run)]


def cost(step: StepTime, measured: Measured) -> StepCost:
    """What the tree used while the step ran."""
    own_before, rest_before = _used(measured.moments, step.began)
    own_after, rest_after = _used(measured.moments, step.ended)
    return StepCost(step.ended - step.began, own_after - own_before, rest_after - rest_before)


def by_zone(steps: Sequence[StepTime], measured: Measured) -> dict[str, StepCost]:
    """Cost of each zone, of whatever its steps made or checked, and of the orchestration."""
    zones: defaultdict[str, StepCost] = defaultdict(lambda: NOTHING)
    for step in steps:
        zones[step.zone] += cost(step, measured)
    in_steps = total(zones.values())
    _, own, rest = measured.moments[-1] if measured.moments else (0.0, 0.0, 0.0)
    zones[ORCHESTRATION] = StepCost(
        measured.wall - in_steps.wall,
        # What the last sample did not see any more belongs here too: it is the end of the process.
        own - in_steps.python + (measured.cpu - own - rest),
        rest - in_steps.engine,
    )
    return dict(zones)


def by_table(steps: Sequence[StepTime], measured: Measured) -> dict[str, StepCost]:
    """Cost of each table in each zone, such as "clean pos.sales_line", checks included."""
    tables: defaultdict[str, StepCost] = defaultdict(lambda: NOTHING)
    for step in steps:
        tables[f"{step.zone} {', '.join(step.tables)}"] += cost(step, measured)
    return dict(tables)


def total(costs: Iterable[StepCost]) -> StepCost:
    """All of them together."""
    return sum(costs, NOTHING)


def _steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[StepTime]:
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    made: defaultdict[str, set[dg.AssetKey]] = defaultdict(set)
    checked: defaultdict[str, set[dg.AssetKey]] = defaultdict(set)
    for entry in instance.all_logs(run.run_id):
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        if event.is_step_start:
            began[event.step_key] = entry.timestamp
        elif event.is_step_success or event.is_step_failure:
            ended[event.step_key] = entry.timestamp
        elif event.is_step_materialization and event.asset_key:
            made[event.step_key].add(event.asset_key)
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            checked[event.step_key].add(event.asset_check_evaluation_data.asset_key)
    return [
        _step(run.job_name, key, made[key], checked[key], began[key], ended[key])
        for key in began
        if key in ended
    ]


def _step(
    job: str,
    key: str,
    made: set[dg.AssetKey],
    checked: set[dg.AssetKey],
    began: float,
    ended: float,
) -> StepTime:
    assets = sorted(made or checked)
    zone = assets[0].path[0] if assets else ORCHESTRATION
    tables = tuple(dict.fromkeys(".".join(asset.path[1:]) for asset in assets)) or (key,)
    return StepTime(job, key, zone, tables, not made, began, ended)


def _used(moments: Sequence[tuple[float, float, float]], at: float) -> tuple[float, float]:
    """CPU of the command's own process and of the rest at a moment, between its samples."""
    times = [moment[0] for moment in moments]
    after = bisect_left(times, at)
    if after == 0:
        return 0.0, 0.0
    if after == len(moments):
        return moments[-1][1], moments[-1][2]
    (t0, own0, rest0), (t1, own1, rest1) = moments[after - 1], moments[after]
    share = (at - t0) / (t1 - t0) if t1 > t0 else 1.0
    return own0 + share * (own1 - own0), rest0 + share * (rest1 - rest0)
