"""Ends runs whose process is gone: killed, crashed, or lost with the machine's power.

Dagster's run monitoring cannot tell for runs on one machine, and such a run stays "started" for
ever: it holds the one place in the queue, and its pool slots. The run's own log says which process
ran it. The hazard is a process id that somebody else has been given since: a process that is
younger than the run's word is not the run's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg

from resources.environments import settings

STARTED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
# A run's process says its id within moments of the start; a silent one is given this long.
SILENCE = timedelta(minutes=5)


def end_abandoned_runs(instance: dg.DagsterInstance, log: Callable[[str], None]) -> list[str]:
    """Mark every run that began and whose process is gone as failed; returns their ids.

    Only where runs are processes of this machine: elsewhere their launcher watches them.
    """
    if settings().environment != "local":
        return []
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=STARTED)):
        run = record.dagster_run
        if has_living_process(instance, record):
            continue
        message = "The run's process is gone: it was killed, or the machine went down."
        instance.report_run_failed(run, message)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        log(
            f"A run of {run.job_name} ({run.run_id[:8]}) was killed, or the machine went down; "
            "its work is taken up."
        )
        ended.append(run.run_id)
    return ended


def has_living_process(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether the process that the run's log names last still runs."""
    import psutil

    logged = instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    pids = [
        (int(str(metadata.value)), entry.timestamp)
        for entry in logged
        if entry.dagster_event is not None
        for name, metadata in entry.dagster_event.engine_event_data.metadata.items()
        if name == "pid"
    ]
    if not pids:
        return datetime.now(UTC) - record.update_timestamp < SILENCE
    pid, said_at = pids[-1]
    try:
        return psutil.Process(pid).create_time() <= said_at
    except psutil.NoSuchProcess:
        return False
