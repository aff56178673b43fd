"""From an event file in landing to its row in the published table, while a stream goes on.

Everything is at work as it is after `make dev`: Dagster's daemon with its sensors, the company, and
the stream, whose sensor is turned on. Files of one click each are put into landing at uneven
distances, so that they meet the sensors at any moment of their half minute. A file is visible when
the table holds its row. What waits in between is the sensor that looks at landing, the run that
accepts and cleans (one run at a time on one machine, so it may wait for others), and the stream.

The hazard is a look that costs what it measures: the table is asked again half a second after each
answer, by its metadata first, and read only when it has a new snapshot.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks.homes import REPOSITORY, BenchmarkFailed, Home
from product360_assets.automation.streaming import living
from resources.objects import LakeResource
from spark.tables.curated import CLICK_EVENT

if TYPE_CHECKING:
    from pyiceberg.table import Table

NAMED = "freshness-"
# Seconds between two files: no multiple of them is half a minute.
DISTANCE_SECONDS = 7.3
START_SECONDS, PATIENCE_SECONDS, LOOK_SECONDS = 600.0, 900.0, 0.5
TURN_ON = """
mutation { startSensor(sensorSelector: {
  repositoryName: "__repository__", repositoryLocationName: "product360", sensorName: "click_stream"
}) { __typename } }
"""


def freshness(work: Path, files: int, say: Callable[[str], None]) -> Mapping[str, Any]:
    """Seconds from landing to visible of so many files, and of how many each commit was.

    Args:
        work: a folder for the home.
        files: how many to land.
        say: is told how it goes.

    Raises:
        BenchmarkFailed: a file did not become visible.
    """
    home = Home(work / "freshness", "smoke")
    home.make()
    home.run("-m", "demo")
    with _dev(home) as address:
        _turn_on(address)
        _wait(lambda: living(home.ledger()) is not None, "the stream is at work", START_SECONDS)
        say("the stream is at work")
        return _Landing(home, say).land(files)


@dataclass(frozen=True)
class _Landing:
    """Files on their way."""

    home: Home
    say: Callable[[str], None]

    def land(self, files: int) -> Mapping[str, Any]:
        """Land them one after the other, and see them all become visible."""
        lake = LakeResource(
            uri=f"file://{self.home.path}/lake", events=str(self.home.path / "events")
        )
        landing, landed = lake.zone("landing"), dict[str, float]()
        catalog = self.home.catalog()
        visible: dict[str, float] = {}
        seen, last = None, time.monotonic() + files * DISTANCE_SECONDS + PATIENCE_SECONDS
        due = time.monotonic()
        while len(visible) < files:
            now = time.monotonic()
            if now > last:
                raise BenchmarkFailed(f"{len(visible)} of {files} files became visible")
            if len(landed) < files and now >= due:
                name = f"{NAMED}{len(landed)}"
                landed[name], due = now, now + DISTANCE_SECONDS
                landing.put(_key(name), _file(name))
            table = catalog.table(CLICK_EVENT.identifier)
            if (current := table.current_snapshot()) != seen:
                seen, new = current, _names(table) - set(visible)
                visible.update({name: time.monotonic() - landed[name] for name in new})
                self.say(f"{len(visible)} of {len(landed)} visible")
            time.sleep(LOOK_SECONDS)
        return {"seconds": [round(visible[name], 1) for name in landed]}


def _names(table: Table) -> set[str]:
    rows = table.scan(f"event_id LIKE '{NAMED}%'", selected_fields=("event_id",)).to_arrow()
    return set(rows["event_id"].to_pylist())


def _key(name: str) -> str:
    return f"clickstream/click_event/2018/01/08/12/{name}.json.gz"


def _file(name: str) -> bytes:
    said = {
        "event_id": name,
        "session_id": name,
        "visitor_id": name,
        "household_id": None,
        "event_type": "view",
        "event_time": "2018-01-08T11:59:00.000Z",
        "product_id": 1,
        "quantity": None,
        "basket_id": None,
        "synthetic": True,
        "generator": "benchmark",
        "seed": 1,
    }
    return gzip.compress(json.dumps(said).encode())


@contextmanager
def _dev(home: Home) -> Iterator[str]:
    """Address of the UI on the home, with its daemon and the company."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with _checkout() as folder, (home.path / "dev.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "demo", "dev", "-p", str(port)],
            cwd=folder,
            env=home.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(lambda: _answers(address), "the UI answers", START_SECONDS)
            yield address
        finally:
            (home.path / "streams" / "click_stream.wanted").unlink(missing_ok=True)
            os.killpg(server.pid, signal.SIGINT)
            server.wait(120)
            _wait(lambda: living(home.ledger()) is None, "the stream ends", START_SECONDS)


@contextmanager
def _checkout() -> Iterator[Path]:
    """This checkout without `.env`, which would lead Dagster to another home."""
    with tempfile.TemporaryDirectory(prefix="product360-checkout-") as folder:
        Path(folder).chmod(0o755)
        for path in REPOSITORY.iterdir():
            if path.name not in {".env", ".git", ".product360"}:
                (Path(folder) / path.name).symlink_to(path)
        yield Path(folder)


def _turn_on(address: str) -> None:
    answer = httpx.post(f"{address}/graphql", json={"query": TURN_ON}, timeout=120).json()
    if answer.get("data", {}).get("startSensor", {}).get("__typename") != "Sensor":
        raise BenchmarkFailed(f"the stream's sensor cannot be turned on: {answer}")


def _answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/server_info", timeout=10).is_success
    return False


def _wait(holds: Callable[[], bool], what: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise BenchmarkFailed(f"after {seconds:g} s it is not so that {what}")
        time.sleep(1)
