"""A database is asked when it says that it has something, a service when it is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.automation.jobs import ALL_SOURCES, INGEST, SOURCE_TAG, ingest_job
from product360_assets.automation.source_changes import source_changes
from product360_assets.core.contract import SourceContract, SourceKind
from resources.errors import SourceUnreachable
from resources.local.registry import SqliteRegistryResource
from resources.local.secrets import LocalSecrets
from resources.replication import (
    ChangeReport,
    ChangeRequest,
    LoadReport,
    LoadRequest,
    ReplicationResource,
)


def contract(name: str, kind: SourceKind, cadence: str = "daily") -> SourceContract:
    return SourceContract.model_validate(
        {
            "name": name,
            "kind": kind,
            "description": "A system.",
            "owners": ["team:shop"],
            "connection": f"{name}_connection",
            "tables": [
                {
                    "name": table,
                    "description": "Rows.",
                    "format": "json",
                    "key": ["id"],
                    "cadence": often,
                    "freshness_hours": 24,
                    "columns": [{"name": "id", "type": "bigint", "description": "Row."}],
                }
                for table, often in (("a", cadence), ("b", "monthly"))
            ],
        }
    )


class Log(ReplicationResource):
    """A database's log of changes that has gone on or not; "down" cannot be asked."""

    says: str

    def pending(self, connection: Mapping[str, str], source: str) -> bool | None:
        if self.says == "down":
            raise SourceUnreachable("db.host", found="silence", expected="rows", next_move="wait")
        return {"changed": True, "unchanged": False, "unknown": None}[self.says]

    def clock(self, connection: Mapping[str, str]) -> datetime:
        raise NotImplementedError

    def full_load(self, request: LoadRequest, **_: Any) -> LoadReport:
        raise NotImplementedError

    def finished_load(self, source: str, load_id: str, **_: Any) -> LoadReport | None:
        raise NotImplementedError

    def changes(self, request: ChangeRequest, **_: Any) -> ChangeReport:
        raise NotImplementedError

    def finished_changes(self, source: str, execution_id: str, **_: Any) -> ChangeReport | None:
        raise NotImplementedError


class Desk:
    def __init__(self, home: Path, instance: dg.DagsterInstance, source: SourceContract) -> None:
        self.instance, self.source = instance, source
        self.log = Log(says="changed")
        self.secrets = LocalSecrets(path=str(home / "secrets.json"))
        self.secrets.publish(source.connection or "", {"host": "h"})
        self.registry = SqliteRegistryResource(path=str(home / "registry.db"))
        self.job = ingest_job()
        self.said: str | None = None

    def look(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance,
            resources={
                "secrets": self.secrets,
                "replication": self.log,
                "registry": self.registry,
            },
        )
        tick = source_changes([self.source], self.job).evaluate_tick(context)
        self.said = tick.skip_message
        return list(tick.run_requests or [])

    def run(self, status: dg.DagsterRunStatus, source: str) -> None:
        """A run of `ingest` that asked this source and is in this state."""

        @dg.op
        def nothing() -> None: ...

        @dg.job(name=INGEST)
        def ingest() -> None:
            nothing()

        run = self.instance.create_run_for_job(ingest, tags={SOURCE_TAG: source})
        kind = {
            dg.DagsterRunStatus.STARTED: dg.DagsterEventType.RUN_START,
            dg.DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
            dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
        }[status]
        self.instance.handle_run_event(run.run_id, dg.DagsterEvent(kind.value, job_name=INGEST))


@pytest.fixture
def at(home: Path, instance: dg.DagsterInstance) -> Callable[..., Desk]:
    return lambda *of: Desk(home, instance, contract(*of))


def test_a_database_is_asked_when_its_log_has_gone_on(at: Callable[..., Desk]) -> None:
    desk = at("shop", "database")
    [request] = desk.look()
    assert request.job_name == INGEST
    assert request.tags[SOURCE_TAG] == "shop"
    assert [key.path for key in request.asset_selection or ()] == [
        ["landing", "shop", "a"],
        ["landing", "shop", "b"],
    ]
    assert request.asset_check_keys == [], "it would be compared at every change"
    desk.run(dg.DagsterRunStatus.SUCCESS, "shop")
    assert len(desk.look()) == 1
    desk.log = Log(says="unchanged")
    assert desk.look() == []
    assert desk.said == "shop: nothing has changed"


@pytest.mark.parametrize("source", ["shop", ALL_SOURCES])
def test_a_source_that_is_being_asked_is_not_asked_again(
    at: Callable[..., Desk], source: str
) -> None:
    desk = at("shop", "database")
    desk.run(dg.DagsterRunStatus.STARTED, source)
    assert desk.look() == []
    assert desk.said == "shop: it is being asked"


def test_a_source_that_fails_is_left_alone_for_a_while(at: Callable[..., Desk]) -> None:
    desk = at("shop", "database")
    desk.run(dg.DagsterRunStatus.FAILURE, "shop")
    assert desk.look() == []
    assert "asking failed 1 times in a row" in str(desk.said)
    desk.run(dg.DagsterRunStatus.SUCCESS, "shop")
    assert len(desk.look()) == 1


def test_a_source_that_is_down_or_unknown_harms_no_other(at: Callable[..., Desk]) -> None:
    desk = at("shop", "database")
    desk.log = Log(says="down")
    assert desk.look() == []
    assert desk.said == "shop: it cannot be asked (SourceUnreachable)"
    desk.secrets.withdraw("shop_connection")
    assert desk.look() == []
    assert desk.said == "shop: it cannot be asked (SecretMissing)"


@pytest.mark.parametrize("source", ["shop", ALL_SOURCES])
@pytest.mark.parametrize("of", [("saas", "hourly"), ("database", "hourly")])
def test_who_cannot_say_is_asked_at_the_shortest_cadence(
    at: Callable[..., Desk], of: tuple[str, str], source: str
) -> None:
    desk = at("shop", *of)
    desk.log = Log(says="unknown")
    assert len(desk.look()) == 1
    desk.run(dg.DagsterRunStatus.SUCCESS, source)
    assert desk.look() == []
    assert "it is asked again at" in str(desk.said)


def test_a_paused_source_is_not_asked_until_it_is_resumed(
    at: Callable[..., Desk],
) -> None:
    shop = at("shop", "database")
    registry = shop.registry.open()
    registry.set_switch("shop", paused=True, reason="moving", expected=0, by="Zoë")
    assert shop.look() == []
    assert "shop: it is paused since " in str(shop.said)
    registry.set_switch("shop", paused=False, reason="", expected=1, by="Zoë")
    assert len(shop.look()) == 1


def test_who_delivers_by_himself_is_never_asked(at: Callable[..., Desk]) -> None:
    assert at("shop", "files").look() == []


def test_a_run_for_all_systems_says_so() -> None:
    assert (ingest_job().tags or {})[SOURCE_TAG] == ALL_SOURCES
