"""The landing sensor asks for one run per system with work, and for no work twice at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.automation.jobs import accept_job
from product360_assets.automation.sensors import (
    PENDING_TAG,
    is_under_way,
    landing_arrivals,
    upstream_changes,
)
from product360_assets.core.contract import SourceContract
from product360_assets.core.in_force import publish
from product360_assets.core.partitions import landing_dates_name
from product360_assets.core.states import RELEASED
from product360_assets.ingestion.corrections import Release, correction_key
from product360_assets.raw.acceptance import Acceptance
from resources.ledger import Batch, Ledger, ZoneState
from resources.local.announcements import SqliteAnnouncementsResource
from resources.local.events import FolderQueueResource
from resources.local.ledger import SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource

SHOP = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop that drops its price list.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "price",
                "description": "Prices.",
                "format": "csv",
                "key": ["id"],
                "cadence": "weekly",
                "freshness_hours": 24,
                "columns": [{"name": "id", "type": "bigint", "description": "Article."}],
            }
        ],
    }
)


class Desk:
    """A landing zone, a ledger, and the sensor that compares them."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.lake = LakeResource(uri=f"file://{home}/lake", events=str(home / "events"))
        self.events = FolderQueueResource(path=str(home / "events"))
        self.announcements = SqliteAnnouncementsResource(path=str(home / "announcements.db"))
        self.ledger_resource = SqliteLedgerResource(path=str(home / "ledger.db"))
        self.registry = SqliteRegistryResource(path=str(home / "registry.db"))
        self.ledger: Ledger = self.ledger_resource.open()
        self.cursor: str | None = None
        self.said: str | None = None
        self.job = accept_job(SHOP)
        self.sensor = landing_arrivals([SHOP], [self.job])

    def land(self, day: str) -> None:
        self.lake.zone("landing").put(f"shop/price/{day}/price.csv", b"id\n1\n")

    def look(self) -> list[dg.RunRequest]:
        return list(self.tick().run_requests or [])

    def tick(self) -> Any:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={
                "ledger": self.ledger_resource,
                "lake": self.lake,
                "registry": self.registry,
                "events": self.events,
                "announcements": self.announcements,
            },
        )
        tick = self.sensor.evaluate_tick(context)
        self.cursor, self.said = tick.cursor, tick.skip_message
        return tick

    def run(self, status: dg.DagsterRunStatus, tags: Mapping[str, str]) -> None:
        """A run of the accepting job that is in this state."""

        @dg.op
        def nothing() -> None: ...

        @dg.job(name="accept_shop")
        def accept_shop() -> None:
            nothing()

        run = self.instance.create_run_for_job(accept_shop, tags=tags)
        kinds = {
            dg.DagsterRunStatus.STARTED: [dg.DagsterEventType.RUN_START],
            dg.DagsterRunStatus.FAILURE: [dg.DagsterEventType.RUN_FAILURE],
        }[status]
        for kind in kinds:
            event = dg.DagsterEvent(kind.value, job_name="accept_shop")
            self.instance.handle_run_event(run.run_id, event)

    def accept(self, day: str) -> Batch:
        """What accepting leaves in the ledger."""
        landing, raw = self.lake.zone("landing"), self.lake.zone("raw")
        acceptance = Acceptance(SHOP, SHOP.tables[0], self.ledger, landing, raw)
        acceptance.accept([date.fromisoformat(day)])
        return self.ledger.batches("shop", "price")[-1]

    def make_clean(self, batch: Batch) -> None:
        """What cleaning leaves in the ledger."""
        state = ZoneState(
            batch_id=batch.batch_id,
            zone="clean",
            rows_in=1,
            rows_out=1,
            rows_quarantined=0,
            location="",
            unit="",
            code_version="",
            config_version="",
            snapshot_id=None,
            recorded_at=datetime.now(UTC),
            details={},
        )
        self.ledger.record_zone(state, replacing=None)


@pytest.fixture
def desk(home: Path, instance: dg.DagsterInstance) -> Desk:
    return Desk(home, instance)


def test_nothing_delivered_is_nothing_to_do(desk: Desk) -> None:
    assert desk.look() == []


def test_all_pending_days_are_asked_for_in_one_run(desk: Desk) -> None:
    desk.land("2017-01-09")
    desk.land("2017-01-16")
    (request,) = desk.look()
    assert request.job_name == "accept_shop"
    assert request.run_key is None  # Dagster would remember it for ever; the ledger decides.
    assert request.tags["dagster/asset_partition_range_start"] == "2017-01-09"
    assert request.tags["dagster/asset_partition_range_end"] == "2017-01-16"
    partitions = desk.instance.get_dynamic_partitions(landing_dates_name("shop"))
    assert list(partitions) == ["2017-01-09", "2017-01-16"]


def test_what_is_accepted_and_clean_is_not_asked_for_again(desk: Desk) -> None:
    desk.land("2017-01-09")
    desk.make_clean(desk.accept("2017-01-09"))
    assert desk.look() == []
    desk.land("2017-01-16")
    (request,) = desk.look()
    assert request.tags["dagster/partition"] == "2017-01-16"


def test_what_is_accepted_but_not_clean_is_asked_for(desk: Desk) -> None:
    desk.land("2017-01-09")
    desk.accept("2017-01-09")
    (request,) = desk.look()
    assert request.tags["dagster/partition"] == "2017-01-09"


def test_a_run_under_way_is_not_doubled(desk: Desk) -> None:
    desk.land("2017-01-09")
    desk.run(dg.DagsterRunStatus.STARTED, {})
    assert desk.look() == []


def test_work_that_failed_is_tried_again_after_a_growing_pause(desk: Desk) -> None:
    desk.land("2017-01-09")
    (request,) = desk.look()
    work = request.tags[PENDING_TAG]
    desk.run(dg.DagsterRunStatus.FAILURE, {PENDING_TAG: work})
    assert desk.look() == []

    def waits(minutes: float) -> bool:
        later = datetime.now(UTC) + timedelta(minutes=minutes)
        return is_under_way(desk.instance, "shop", work, now=later)

    assert [waits(minutes) for minutes in (0.5, 1.5)] == [True, False]
    for _ in range(2):
        desk.run(dg.DagsterRunStatus.FAILURE, {PENDING_TAG: work})
    assert [waits(minutes) for minutes in (3.5, 4.5)] == [True, False]


def test_new_work_does_not_wait_for_work_that_failed(desk: Desk) -> None:
    desk.land("2017-01-09")
    (request,) = desk.look()
    desk.run(dg.DagsterRunStatus.FAILURE, {PENDING_TAG: request.tags[PENDING_TAG]})
    desk.land("2017-01-16")
    assert len(desk.look()) == 1


def test_what_a_paused_source_delivers_waits_and_the_tick_says_why(desk: Desk) -> None:
    registry = desk.registry.open()
    registry.set_switch("shop", paused=True, reason="wrong prices", expected=0, by="Zoë")
    desk.land("2017-01-09")
    tick = desk.tick()
    assert not tick.run_requests
    assert "What shop delivers waits: it is paused since " in str(tick.skip_message)
    assert "by Zoë: wrong prices" in str(tick.skip_message)
    registry.set_switch("shop", paused=False, reason="", expected=1, by="Zoë")
    (request,) = desk.look()
    assert request.tags["dagster/partition"] == "2017-01-09"


def test_a_correction_is_taken_once_its_release_is_recorded(desk: Desk) -> None:
    desk.land("2017-01-09")
    batch = desk.accept("2017-01-09")
    desk.make_clean(batch)
    key = correction_key(batch, "r1")
    desk.lake.zone("landing").put(key, b"{}\n")
    assert desk.look() == desk.look() == []

    now = datetime.now(UTC)
    release = Release("r1", batch.batch_id, key, rows=1, by="ann", at=now, why="A slip.")
    made = desk.ledger.zone_state(batch.batch_id, "clean")
    assert made is not None
    held = replace(made, zone=RELEASED, details={"r1": release.document})
    desk.ledger.record_zone(held, replacing=None)
    # The next listing is due.
    desk.cursor = None
    [request] = desk.look()
    assert request.tags["dagster/partition"] == "2017-01-09"


def test_objects_of_a_table_that_a_new_contract_drops_stop_no_tick(desk: Desk) -> None:
    desk.land("2017-01-09")
    assert len(desk.look()) == 1
    other = SHOP.tables[0].model_copy(update={"name": "offer"})
    published = SHOP.model_copy(update={"tables": (other,)})
    registry = desk.registry.open()
    publish(registry, published, latest=registry.latest("shop"), note="", by="Zoë", may_break=True)
    assert desk.look() == []


def test_sensors_start_enabled() -> None:
    started: list[Any] = [landing_arrivals([SHOP], [accept_job(SHOP)]), upstream_changes()]
    assert {sensor.default_status for sensor in started} == {dg.DefaultSensorStatus.RUNNING}
