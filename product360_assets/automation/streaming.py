"""Streams by the clock and without end: the schedule, and the sensor that keeps one alive.

The schedule runs a stream that ends when nothing is left. The sensor keeps one that goes on. Both
are off until somebody turns them on: the nightly batch does the same work, later.

Each look of the sensor wants the stream for another two minutes, starts its process if there is
none, and says how far the stream has come, as an observation of its asset. Turn it off and the
process ends by itself.

The hazard is a process that says it is well. So the figures come from the ledger and the table and
never from the process, and are true of a dead one too.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of sensors as types.

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from product360_assets.automation.stream_process import LOCK, Wish
from product360_assets.curated.click_event import PUBLICATION
from product360_assets.curated.click_stream import STREAM
from product360_assets.curated.pending import survey
from resources.environments import inherited_variables, settings
from resources.ledger import Ledger, LedgerResource
from resources.locks import Lock
from resources.owners import is_gone
from resources.warehouse import WarehouseResource

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

STREAM_JOB = "stream"
EVERY_QUARTER = "*/15 * * * *"
PROCESS = "product360_assets.automation.stream_process"
LOOK_SECONDS = 30


def stream_job() -> "UnresolvedAssetJobDefinition":
    """The job that takes in, as a stream, what is clean now."""
    return dg.define_asset_job(
        STREAM_JOB,
        selection=dg.AssetSelection.assets(STREAM),
        description="Take in what is clean by a streaming job that ends when nothing is left.",
    )


def stream_schedule() -> dg.ScheduleDefinition:
    """Runs `stream` four times an hour."""
    return dg.ScheduleDefinition(
        name="quarter_hourly_stream",
        job_name=STREAM_JOB,
        cron_schedule=EVERY_QUARTER,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Every quarter of an hour, take clicks in as a stream that ends when nothing "
        "is left: fresher than the nightly batch, and without a process that goes on.",
    )


def stream_sensor() -> dg.SensorDefinition:
    """The sensor; stopped until somebody wants a stream."""

    @dg.sensor(
        name="click_stream",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="While it is on, a streaming job takes clicks in as they become clean: it is "
        "started here, watched, and started again if it dies. Turned off, the job ends within two "
        "minutes. On a laptop it needs Java, which the Python packages bring.",
    )
    def look(
        context: dg.SensorEvaluationContext, ledger: LedgerResource, warehouse: WarehouseResource
    ) -> dg.SensorResult:
        home, opened = settings().home, ledger.open()
        Wish(home).renew()
        before, held = json.loads(context.cursor or "{}"), living(opened)
        beat = [held.token, held.beat] if held else None
        # It beats oftener than we look; of another machine's process nothing else can be told.
        holder = None if beat is not None and beat == before.get("beat") else held
        said = f"at work: {holder.owner}" if holder else f"started as process {start(home)}"
        context.log.info(said)
        numbers = progress(opened, warehouse, before)
        observed = dg.AssetObservation(STREAM, metadata={"state": said, **numbers["shown"]})
        return dg.SensorResult(
            skip_reason=said,
            asset_events=[observed],
            cursor=json.dumps({**numbers["kept"], "beat": beat}),
        )

    return look


def living(ledger: Ledger) -> Lock | None:
    """The lock of the stream's process, if that lives as far as anybody can tell."""
    held = ledger.lock(LOCK)
    return None if held is None or is_gone(held.owner) else held


def start(home: Path) -> int:
    """Start the stream's process, apart from this one; returns its process id."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "stream.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", PROCESS],
            env=inherited_variables(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Not ended by the Ctrl-C that ends the daemon: it finishes its commit, and then ends.
            start_new_session=True,
        )
    return process.pid


def progress(
    ledger: Ledger, warehouse: WarehouseResource, before: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """What is `shown` of the stream, and what is `kept` for the next look.

    Shown are the batches that wait, for how many seconds the oldest of them has (`lag`), the time
    of the newest event taken in (`watermark`), and the rows per second since the look before.
    """
    now = datetime.now(UTC)
    batches = survey(ledger, PUBLICATION.zone, PUBLICATION.inputs)
    waiting = [batch for batch in batches if batch.is_pending]
    rows = sum(batch.clean.rows_out for batch in batches if not batch.is_pending)
    oldest = min((batch.clean.recorded_at for batch in waiting), default=now)
    shown: dict[str, Any] = {
        "batches waiting": len(waiting),
        "lag, s": round((now - oldest).total_seconds(), 1),
        "rows taken in": rows,
    }
    if before:
        seconds = (now - datetime.fromisoformat(before["at"])).total_seconds()
        shown["rows per second"] = round(max(rows - before["rows"], 0) / max(seconds, 1.0), 2)
    if rows:
        newest = warehouse.query(f"SELECT max(event_time) AS at FROM {PUBLICATION.zone}").single()
        shown["watermark"] = str(newest["at"])
    return {"shown": shown, "kept": {"at": now.isoformat(), "rows": rows}}
