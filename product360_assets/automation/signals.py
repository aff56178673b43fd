"""What Dagster's own history says of failures, as signals: names and counts, and nothing else.

A run's failure is an event, and each is a signal. A check's failure is a state: its newest result
is what counts, whatever was between.

The hazard: an error's text or a check's examples may repeat a row or a password. So of an error
only its kind is told, of a check only whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from product360_assets.clean.watch import IS_DELIVERED_IN_TIME
from product360_assets.core.checks import NO_REJECTED_ROW_IS_FORGOTTEN
from product360_assets.curated.watch import IS_UP_TO_DATE
from resources.alerts import Alert, AlertKind, Signal

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

    CheckRecord: TypeAlias = AssetCheckExecutionRecord
    Graph: TypeAlias = AssetGraph

# Checks that are an alert of a kind of their own; all others are failed checks.
KINDS: dict[str, AlertKind] = {
    IS_DELIVERED_IN_TIME: "stale_source",
    IS_UP_TO_DATE: "stale_source",
    NO_REJECTED_ROW_IS_FORGOTTEN: "ageing_quarantine",
}
# The job in which Dagster runs assets that nobody gave a job.
ASSETS_JOB = "__ASSET_JOB"
NAMED = 5
_SAID = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED}


def failed_run(instance: dg.DagsterInstance, run: dg.DagsterRun, at: float, graph: Graph) -> Signal:
    """The signal of a run that failed at a time, in seconds since 1970."""
    entries = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=_SAID)]
    events = [event for event in entries if event is not None]
    failures = [event for event in events if event.is_step_failure]
    steps = sorted({event.step_key or "" for event in failures})
    planned = {
        event.asset_materialization_planned_data.asset_key: event.step_key
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    }
    assets = sorted(key for key, step in planned.items() if not steps or step in steps)
    owned = [graph.get(key).owners for key in assets if graph.has(key)]
    subject = run.job_name
    if subject == ASSETS_JOB:
        subject = _named([key.to_user_string() for key in assets] or steps)
    where = f" in {_named(steps)}" if steps else " outside its steps"
    return Signal(
        signal_id=run.run_id,
        kind="failed_run",
        subject=subject,
        severity="error",
        owners=tuple(sorted({owner for owners in owned for owner in owners})),
        at=datetime.fromtimestamp(at, UTC),
        summary=f"A run of {subject} failed{where}.",
        facts={
            "run": run.run_id,
            "job": run.job_name,
            "errors": ", ".join(sorted({_kind_of(event) for event in failures})),
            "assets": ", ".join(key.to_user_string() for key in assets),
        },
    )


def succeeded_at(instance: dg.DagsterInstance, alert: Alert) -> datetime | None:
    """When the work of a failed run succeeded after its last failure; None when it did not yet."""
    failed_at = datetime.fromisoformat(alert.last_at).timestamp()
    times: list[float] = []
    if alert.facts["job"] != ASSETS_JOB:
        done = dg.RunsFilter(
            job_name=str(alert.facts["job"]), statuses=[dg.DagsterRunStatus.SUCCESS]
        )
        times = [record.end_time or 0.0 for record in instance.get_run_records(done, limit=1)]
    else:
        for name in filter(None, str(alert.facts["assets"]).split(", ")):
            made = instance.get_latest_materialization_event(dg.AssetKey.from_user_string(name))
            times.append(made.timestamp if made is not None else 0.0)
    if not times or min(times) <= failed_at:
        return None
    return datetime.fromtimestamp(min(times), UTC)


def failing_check(record: CheckRecord, owners: Sequence[str]) -> Signal | None:
    """The signal of a check whose newest result does not hold; None when it holds, or is not in."""
    evaluation = record.evaluation
    if not isinstance(evaluation, dg.AssetCheckEvaluation) or evaluation.passed:
        return None
    kind, subject = check_subject(record.key)
    counts = {
        name: metadata.value
        for name, metadata in evaluation.metadata.items()
        if isinstance(metadata, dg.IntMetadataValue) and metadata.value is not None
    }
    grave = evaluation.severity == dg.AssetCheckSeverity.ERROR
    return Signal(
        signal_id=f"{record.run_id}:{record.id}",
        kind=kind,
        subject=subject,
        severity="error" if grave else "warning",
        owners=tuple(owners),
        at=datetime.fromtimestamp(record.create_timestamp, UTC),
        summary=f"{subject} does not hold.",
        facts={**counts, "run": record.run_id},
    )


def holds(record: CheckRecord) -> bool:
    """Whether the newest result of a check is in, and holds."""
    evaluation = record.evaluation
    return isinstance(evaluation, dg.AssetCheckEvaluation) and evaluation.passed


def check_subject(key: dg.AssetCheckKey) -> tuple[AlertKind, str]:
    """The kind and the subject of an alert about a check."""
    asset = key.asset_key.to_user_string()
    return KINDS.get(key.name, "failed_check"), f"{asset}: {key.name}"


def _kind_of(event: dg.DagsterEvent) -> str:
    """The name of the error that a step's own error was raised from."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return (error.cls_name if error is not None else None) or "unknown"


def _named(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
