"""`make dev` opens the Dagster UI on everything that the demo did."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from developing import ask, checkout_apart, developing, free_port
from lineage import REPOSITORY, Lineage

pytestmark = pytest.mark.flow

ASSETS = """
query { assetNodes {
  assetKey { path } groupName isMaterializable description
  assetMaterializations(limit: 1) { runId }
} }
"""
# Groups of what is made by a clock of its own, or when somebody asks for it.
LATER = {"governance", "maintenance", "streaming"}
# A stream is for who wants it.
OFF_AT_FIRST = {"click_stream", "quarter_hourly_stream"}
RUNS = "query { runsOrError { ... on Runs { results { status jobName tags { key } } } } }"
SENSORS = """
query { repositoriesOrError { ... on RepositoryConnection { nodes {
  sensors { name sensorState { status } } schedules { name scheduleState { status } }
} } } }
"""


@pytest.fixture(scope="module")
def ui(sail: Lineage) -> Iterator[str]:
    """Address of the UI that `make dev` serves in the demo's home."""
    port = free_port()
    # Never installs: the project would then be the one of this folder, which goes away.
    command = ["make", "-o", ".venv/.run", "dev", f"DEV_OPTIONS=-p {port}"]
    with checkout_apart() as folder, developing(sail, folder, command, port) as address:
        yield address


def test_every_asset_of_the_lineage_is_there_and_materialized(ui: str) -> None:
    nodes = ask(ui, ASSETS)["assetNodes"]
    made = [node for node in nodes if node["isMaterializable"]]
    assert len(made) >= 3 * 13 + 4
    missing = [node for node in made if not node["assetMaterializations"]]
    assert [node["assetKey"]["path"] for node in missing if node["groupName"] not in LATER] == []
    assert [node["assetKey"]["path"] for node in nodes if not node["description"]] == []


def keys_of(run: dict[str, Any]) -> set[str]:
    return {tag["key"] for tag in run["tags"]}


def test_the_runs_of_the_demo_are_listed_as_successes(ui: str) -> None:
    runs = ask(ui, RUNS)["runsOrError"]["results"]
    # The daemon begins runs of its own as soon as it is up; these name who asked for them.
    by_the_demo = [
        run
        for run in runs
        if "dagster/from_automation_condition" not in keys_of(run)
        and "dagster/sensor_name" not in keys_of(run)
    ]
    assert len(by_the_demo) >= 8
    assert {run["status"] for run in by_the_demo} == {"SUCCESS"}


def test_sensors_and_automation_start_enabled_but_for_streams(ui: str) -> None:
    (repository,) = ask(ui, SENSORS)["repositoriesOrError"]["nodes"]
    states = {
        one["name"]: one[kind]["status"]
        for kind, many in (("sensorState", "sensors"), ("scheduleState", "schedules"))
        for one in repository[many]
    }
    assert states
    assert {name for name, status in states.items() if status != "RUNNING"} == OFF_AT_FIRST


def test_f25_a_second_one_on_the_same_home_is_told_who_is_there(ui: str, sail: Lineage) -> None:
    assert ui
    lock = sail.home / "daemon.lock"
    deadline = time.monotonic() + 60
    while not (lock.exists() and lock.read_text()):
        assert time.monotonic() < deadline, "the daemon never took its home"
        time.sleep(0.2)
    owner = json.loads(lock.read_text())
    assert psutil.pid_exists(owner["pid"])
    second = subprocess.run(
        [sys.executable, "-m", "demo", "dev", "-p", str(free_port())],
        cwd=REPOSITORY,
        env=sail.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert second.returncode == 1
    said = " ".join(second.stderr.split())
    assert f"another daemon at work on it: process {owner['pid']} on {owner['host']}." in said
    assert f"kill {owner['pid']} on {owner['host']}" in said
    assert httpx.get(f"{ui}/server_info").status_code == 200
