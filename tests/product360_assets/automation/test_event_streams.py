"""A sensor reads streams every minute once somebody has turned it on; other sources have none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from product360_assets.automation.event_streams import event_stream_sensors
from product360_assets.automation.jobs import INGEST, SOURCE_TAG, ingest_job
from product360_assets.core.contract import SourceContract
from product360_assets.core.keys import landing_key
from resources.local.registry import SqliteRegistryResource


def contract(name: str, stream: str | None) -> SourceContract:
    return SourceContract.model_validate(
        {
            "name": name,
            "kind": "stream",
            "description": "A web shop.",
            "owners": ["team:web"],
            "tables": [
                {
                    "name": "click",
                    "stream": stream,
                    "description": "Clicks.",
                    "format": "json",
                    "key": ["id"],
                    "cadence": "continuous",
                    "freshness_hours": 1,
                    "columns": [{"name": "id", "type": "bigint", "description": "The click."}],
                }
            ],
        }
    )


WEB, APP = contract("web", "clicks"), contract("app", None)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def look(instance: dg.DagsterInstance, home: Path) -> dg.SensorExecutionData:
    [sensor] = event_stream_sensors([WEB, APP], ingest_job())
    registry = SqliteRegistryResource(path=str(home / "registry.db"))
    context = dg.build_sensor_context(instance=instance, resources={"registry": registry})
    return sensor.evaluate_tick(context)


def test_it_is_off_until_somebody_turns_it_on() -> None:
    [sensor] = event_stream_sensors([WEB, APP], ingest_job())
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert sensor.minimum_interval_seconds == 60


def test_without_a_stream_there_is_no_sensor() -> None:
    assert event_stream_sensors([APP], ingest_job()) == []


def test_a_source_with_a_stream_is_read_alone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    [request] = look(instance, tmp_path).run_requests or []
    assert request.asset_selection == [landing_key("web", "click")]
    assert request.tags[SOURCE_TAG] == "web"


def test_nobody_is_asked_while_it_is_being_read(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    @dg.op
    def nothing() -> None: ...

    @dg.job(name=INGEST)
    def ingest() -> None:
        nothing()

    run = instance.create_run_for_job(ingest, tags={SOURCE_TAG: "web"})
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=INGEST)
    instance.handle_run_event(run.run_id, started)
    tick = look(instance, tmp_path)
    assert (tick.run_requests, tick.skip_message) == ([], "web: it is being asked")


def test_a_source_that_is_paused_is_left_alone(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    registry = SqliteRegistryResource(path=str(tmp_path / "registry.db")).open()
    registry.set_switch("web", paused=True, reason="moving", expected=0, by="Zoë")
    tick = look(instance, tmp_path)
    assert tick.run_requests == []
    assert "paused" in str(tick.skip_message)
