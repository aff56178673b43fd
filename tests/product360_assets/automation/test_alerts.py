"""A failure in a real instance reaches a real receiver, once, and says nothing that is private."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.automation.alerts import alert_sensors
from resources.local.alerts import SqliteAlertStoreResource
from resources.local.secrets import LocalSecrets

CANARY = "4711-0815-CANARY"
TOKEN = "token-of-the-webhook"

ROUTES = """
receivers:
  log: {type: log}
  shop: {type: webhook, secret: shop_hook}
routes:
  - {owners: ["team:shop"], to: [shop]}
  - {to: [log]}
"""


class Hook:
    """An HTTP server on loopback that keeps what is posted to it; `status` is its answer."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 204
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.headers.append(dict(self.headers))
                hook.got.append(json.loads(body))
                self.send_response(hook.status)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/{TOKEN}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def changes(self) -> list[tuple[str, str, int]]:
        return [(each["change"], each["subject"], each["count"]) for each in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()


class Platform:
    """Two assets that fail on demand, the alert sensors over them, and a home."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = home, instance
        self.broken = True
        platform = self

        @dg.asset(key=["raw", "shop", "order"], owners=["team:shop"])
        def order() -> None:
            if platform.broken:
                raise ValueError(f"row {CANARY} of a customer")

        @dg.asset(
            key=["clean", "shop", "order"],
            owners=["team:shop"],
            check_specs=[dg.AssetCheckSpec("rows_are_right", asset=["clean", "shop", "order"])],
        )
        def clean() -> dg.MaterializeResult:
            return dg.MaterializeResult(
                check_results=[
                    dg.AssetCheckResult(
                        check_name="rows_are_right",
                        passed=not platform.broken,
                        severity=dg.AssetCheckSeverity.WARN,
                        metadata={"rows": 3, "examples": [CANARY], "name": CANARY},
                    )
                ]
            )

        self.jobs = {"accept": "raw/shop/order", "make": "clean/shop/order"}
        self.definitions = dg.Definitions(
            assets=[order, clean],
            jobs=[dg.define_asset_job(name, asset) for name, asset in self.jobs.items()],
            sensors=alert_sensors(),
            executor=dg.in_process_executor,
        )
        self.repository = self.definitions.get_repository_def()
        self.alerts = SqliteAlertStoreResource(path=str(home / "alerts.db"))
        self.secrets = LocalSecrets(path=str(home / "secrets.json"))
        self.cursors: dict[str, str | None] = {}

    def run(self, job: str) -> dg.ExecuteInProcessResult:
        return self.repository.get_job(job).execute_in_process(
            instance=self.instance, raise_on_error=False
        )

    def tick(self, keeps_cursor: bool = True) -> str:
        """Evaluate both sensors, as the daemon does; what they say of it."""
        said = []
        for sensor in alert_sensors():
            context = dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursors.get(sensor.name),
                repository_def=self.repository,
                resources={"alerts": self.alerts, "secrets": self.secrets},
            )
            done = sensor.evaluate_tick(context)
            if keeps_cursor:
                self.cursors[sensor.name] = done.cursor
            said.append(str(done.skip_message))
        return " ".join(said)

    def log(self) -> list[dict[str, Any]]:
        path = self.home / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def platform(
    home: Path, instance: dg.DagsterInstance, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    (home / "alerts.yaml").write_text(ROUTES)
    monkeypatch.setenv("PRODUCT360_ALERTS", str(home / "alerts.yaml"))
    platform = Platform(home, instance)
    platform.secrets.publish("shop_hook", {"url": hook.url, "token": TOKEN})
    return platform


def test_a_failed_run_is_told_once_counted_and_closed_by_a_success(
    platform: Platform, hook: Hook
) -> None:
    failed = platform.run("accept")
    platform.tick()
    platform.tick()
    assert hook.changes() == [("opened", "accept", 1)]
    [notice] = hook.got
    assert notice["kind"] == "failed_run"
    assert notice["owners"] == ["team:shop"]
    assert notice["severity"] == "error"
    assert notice["summary"] == "A run of accept failed in raw__shop__order."
    assert notice["facts"]["run"] == failed.run_id
    assert notice["facts"]["errors"] == "ValueError"
    assert hook.headers[0]["Authorization"] == f"Bearer {TOKEN}"

    platform.run("accept")
    platform.tick()
    assert len(hook.got) == 1

    platform.broken = False
    platform.run("accept")
    platform.tick()
    assert hook.changes()[1:] == [("resolved", "accept", 2)]
    assert hook.got[1]["alert_id"] == notice["alert_id"]
    platform.tick()
    assert len(hook.got) == 2


def test_a_failed_check_is_told_once_and_closed_when_it_holds(
    platform: Platform, hook: Hook
) -> None:
    platform.run("make")
    platform.run("make")
    platform.tick()
    platform.tick()
    subject = "clean/shop/order: rows_are_right"
    assert hook.changes() == [("opened", subject, 1)]
    assert (hook.got[0]["kind"], hook.got[0]["severity"]) == ("failed_check", "warning")
    assert hook.got[0]["facts"]["rows"] == 3
    platform.broken = False
    platform.run("make")
    platform.tick()
    assert hook.changes()[1:] == [("resolved", subject, 1)]


def test_no_value_and_no_secret_leaves_in_an_alert(platform: Platform, hook: Hook) -> None:
    platform.run("accept")
    platform.run("make")
    said = platform.tick()
    assert len(hook.got) == 2
    kept = (platform.home / "alerts.db").read_bytes()
    for canary in (CANARY, TOKEN):
        assert canary not in json.dumps(hook.got)
        assert canary not in said
        assert canary.encode() not in kept


def test_every_alert_leads_to_a_runbook_that_is_there(platform: Platform, hook: Hook) -> None:
    platform.run("accept")
    platform.tick()
    assert (Path(__file__).parents[3] / hook.got[0]["runbook"]).is_file()


def test_a_sensor_that_dies_before_it_keeps_its_cursor_tells_nothing_twice(
    platform: Platform, hook: Hook
) -> None:
    platform.run("accept")
    platform.tick(keeps_cursor=False)
    platform.tick(keeps_cursor=False)
    assert hook.changes() == [("opened", "accept", 1)]


@pytest.mark.parametrize("status", [500, 302])
def test_a_webhook_that_refuses_is_tried_again_and_harms_nobody(
    platform: Platform, hook: Hook, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from resources import alert_book

    monkeypatch.setattr(alert_book, "FIRST_RETRY", timedelta(0))
    hook.status = status
    platform.run("accept")
    said = platform.tick()
    assert "1 were not" in said
    assert hook.changes()[0] == ("opened", "accept", 1)
    hook.status = 200
    before = len(hook.got)
    platform.tick()
    platform.tick()
    assert len(hook.got) == before + 1
    assert {each["alert_id"] for each in hook.got} == {hook.got[0]["alert_id"]}


def test_a_webhook_that_is_gone_is_tried_again_later_and_not_at_every_tick(
    platform: Platform,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    platform.secrets.publish("shop_hook", {"url": f"http://127.0.0.1:{port}/"})
    platform.run("accept")
    assert "1 were not" in platform.tick()
    assert "0 were not" in platform.tick()


def test_a_webhook_in_clear_to_another_machine_gets_nothing(platform: Platform) -> None:
    platform.secrets.publish("shop_hook", {"url": "http://192.0.2.1/hook"})
    platform.run("accept")
    assert "1 were not" in platform.tick()


def test_alerts_of_nobody_in_particular_go_to_the_log(
    platform: Platform, hook: Hook, home: Path
) -> None:
    (home / "alerts.yaml").write_text(ROUTES.replace("team:shop", "team:other"))
    platform.run("accept")
    platform.tick()
    assert hook.got == []
    [line] = platform.log()
    assert (line["kind"], line["subject"]) == ("failed_run", "accept")
    assert (home / "alerts.jsonl").stat().st_mode & 0o077 == 0


def test_a_failed_materialization_without_a_job_is_closed_by_the_same_assets(
    platform: Platform, hook: Hook
) -> None:
    job = platform.repository.get_implicit_global_asset_job_def()
    key = [dg.AssetKey(["raw", "shop", "order"])]
    job.get_subset(asset_selection=set(key)).execute_in_process(
        instance=platform.instance, raise_on_error=False
    )
    platform.tick()
    assert hook.changes() == [("opened", "raw/shop/order", 1)]
    platform.broken = False
    platform.run("accept")
    platform.tick()
    assert hook.changes()[1:] == [("resolved", "raw/shop/order", 1)]
