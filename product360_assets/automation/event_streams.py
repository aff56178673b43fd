"""The sensor that reads streams of events every minute; off until somebody turns it on.

Without it they are read with all other sources, every morning. With it, or without, what is read
lands in files, and the landing sensor takes those in as it takes any.

The hazard is a stream that cannot be read: each run that tries fails, and the next waits longer, as
for every source that is asked.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of sensors as types.

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from product360_assets.automation.jobs import AcceptJob
from product360_assets.automation.source_changes import reason_to_wait, request_of
from product360_assets.automation.sources_now import sources_now
from product360_assets.core.contract import SourceContract
from resources.registry import RegistryResource

EVERY_MINUTE = 60


def event_stream_sensors(
    contracts: Sequence[SourceContract], ingesting: AcceptJob
) -> list[dg.SensorDefinition]:
    """The sensor, where any source has a stream that is read directly."""
    read = [each for each in contracts if any(table.stream for table in each.tables)]
    return [_sensor(read, ingesting)] if read else []


def _sensor(read: Sequence[SourceContract], ingesting: AcceptJob) -> dg.SensorDefinition:
    @dg.sensor(
        name="event_streams",
        job=ingesting,
        minimum_interval_seconds=EVERY_MINUTE,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="While it is on, streams of events are read every minute, and what they hold "
        "is written into landing.",
    )
    def look(context: dg.SensorEvaluationContext, registry: RegistryResource) -> dg.SensorResult:
        now = datetime.now(UTC)
        waiting = sources_now(registry.open(), read).waiting
        requests: list[dg.RunRequest] = []
        said: list[str] = []
        for contract in read:
            reason = waiting.get(contract.name) or reason_to_wait(context.instance, contract, now)
            if reason is None:
                requests.append(request_of(contract))
            said.append(f"{contract.name}: {reason or 'read'}")
            context.log.info(said[-1])
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else "; ".join(said)
        )

    return look
