"""`make dev` opens the Dagster UI on everything that the demo did."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from lineage import REPOSITORY, Lineage

pytestmark = pytest.mark.flow

ASSETS = """
query { assetNodes {
  assetKey { path } groupName isMaterializable description
  assetMaterializations(limit: 1) { runId }
} }
"""
RUNS = "query { runsOrError { ... on Runs { results { status jobName } } } }"
SENSORS = """
query { repositoriesOrError { ... on RepositoryConnection { nodes {
  sensors { name sensorState { status } } schedules { name scheduleState { status } }
} } } }
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A checkout of its own: `make` writes `.env`, which belongs to whoever works in this one."""
    with tempfile.TemporaryDirectory(prefix="product360-checkout-") as folder:
        # PostgreSQL runs its programs from here as a user of its own, where we are root.
        Path(folder).chmod(0o755)
        for path in REPOSITORY.iterdir():
            if path.name not in {".env", ".git", ".product360"}:
                (Path(folder) / path.name).symlink_to(path)
        yield Path(folder)


@pytest.fixture(scope="module")
def ui(sail: Lineage, checkout: Path) -> Iterator[str]:
    """Address of the UI that `make dev` serves in the demo's home."""
    port = free_port()
    log = (sail.home / "dev.log").open("w")
    server = subprocess.Popen(
        # Never installs: the project would then be the one of this folder, which goes away.
        ["make", "-o", ".venv/.run", "dev", f"DEV_OPTIONS=-p {port}"],
        cwd=checkout,
        env=sail.environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 240
    try:
        while True:
            assert server.poll() is None, (sail.home / "dev.log").read_text()[-4000:]
            assert time.monotonic() < deadline, "the UI did not come up"
            try:
                if httpx.get(f"{address}/server_info").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.5)
        yield address
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
        log.close()


def ask(address: str, query: str) -> Any:
    answer = httpx.post(f"{address}/graphql", json={"query": query}, timeout=120).json()
    assert "errors" not in answer, answer
    return answer["data"]


def test_every_asset_of_the_lineage_is_there_and_materialized(ui: str) -> None:
    nodes = ask(ui, ASSETS)["assetNodes"]
    made = [node for node in nodes if node["isMaterializable"]]
    assert len(made) >= 3 * 13 + 4
    missing = [node["assetKey"]["path"] for node in made if not node["assetMaterializations"]]
    assert missing == []
    assert [node["assetKey"]["path"] for node in nodes if not node["description"]] == []


def test_the_runs_of_the_demo_are_listed_as_successes(ui: str) -> None:
    runs = ask(ui, RUNS)["runsOrError"]["results"]
    assert len(runs) >= 8
    assert {run["status"] for run in runs if run["jobName"] != "__ASSET_JOB"} == {"SUCCESS"}


def test_sensors_and_automation_start_enabled(ui: str) -> None:
    (repository,) = ask(ui, SENSORS)["repositoriesOrError"]["nodes"]
    states = {
        one["name"]: one[kind]["status"]
        for kind, many in (("sensorState", "sensors"), ("scheduleState", "schedules"))
        for one in repository[many]
    }
    assert states
    assert {name for name, status in states.items() if status != "RUNNING"} == set()


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
