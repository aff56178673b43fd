"""One soak at work: a shop that delivers, a stream, a publisher, a keeper, a reader, and the looks.

The stream is the platform's own: its sensor is asked as Dagster's daemon asks it, starts the
process and wants it for another while. The other three are `benchmarks.soak.worker`.

Limits of upkeep are a soak's: no write of it takes longer than a minute, so that within half an
hour files grow old enough to be left over. The hazard is a process that dies and is started again,
young and slim: the stream's lives are counted, and a worker that ended ends the soak.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg

from benchmarks.homes import REPOSITORY, BenchmarkFailed
from benchmarks.machine import load
from benchmarks.soak.samples import Samples
from benchmarks.soak.shop import Shop
from benchmarks.soak.worker import WORKERS
from product360_assets.automation import streaming
from product360_assets.automation.stream_process import Wish
from product360_assets.curated import click_event, click_stream, sales_line
from product360_assets.curated.pending import survey
from product360_assets.curated.publish import Publication
from resources.catalog import CatalogResource
from resources.environments import export_variables, platform_resources
from resources.ledger import LedgerResource
from resources.maintenance import MaintenanceResource
from resources.objects import LakeResource
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, SALES_LINE

DELIVER_SECONDS, LOOK_SECONDS, SAMPLE_SECONDS = 4.0, 25.0, 10.0
# For the first commits of all, and for the last ones.
PATIENCE_SECONDS = 300.0
LIMITS = {
    "PRODUCT360_LONGEST_WRITE_HOURS": str(1 / 60),
    "PRODUCT360_LONGEST_READ_HOURS": str(1 / 60),
    "PRODUCT360_SNAPSHOT_DAYS": str(1 / 60 / 24),
}
_WATCHED: tuple[Publication, ...] = (click_event.PUBLICATION, sales_line.PUBLICATION)


@dataclass
class Soak:
    """One soak in a home of its own; what it found is in `samples`, `turns` and `loads`."""

    home: Path
    say: Callable[[str], None]
    turns: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)
    _cursor: str | None = None
    _look_at: float = 0.0
    _workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        export_variables({"PRODUCT360_ENV": "local", "PRODUCT360_HOME": str(self.home), **LIMITS})
        self._resources = platform_resources()
        self.ledger = cast("LedgerResource", self._resources["ledger"]).open()
        self.catalog = cast("CatalogResource", self._resources["catalog"])
        lake = cast("LakeResource", self._resources["lake"])
        limits = cast("MaintenanceResource", self._resources["maintenance"])
        self.shop = Shop(self.ledger, lake)
        self.samples = Samples(self.catalog, self.ledger, lake, limits.orphan_window())

    def run(self, minutes: float) -> None:
        """Deliver for so long, then let everything be taken in and end.

        Raises:
            BenchmarkFailed: a process ended, or what was delivered was not taken in.
        """
        self._deliver()
        with self._at_work():
            self._wait_until_taken_in()
            self.say(f"all at work; delivering for {minutes:g} minutes")
            self._deliver_for(timedelta(minutes=minutes))
            self._wait_until_taken_in()
        for name in WORKERS:
            told = self._log(name).read_text().splitlines()
            self.turns[name] = [json.loads(line) for line in told]

    def wrong(self) -> list[str]:
        """In words, where the tables do not hold what must have come of the deliveries."""
        events = [
            (row["event_id"], row["visitor_id"], row["event_time"])
            for row in self._rows(CLICK_EVENT.identifier)
        ]
        visits = [
            (row["visitor_id"], row["started_at"], row["ended_at"], row["events"])
            for row in self._rows(CLICK_SESSION.identifier)
        ]
        lines = [(row["product_id"], row["quantity"]) for row in self._rows(SALES_LINE.identifier)]
        expected: Mapping[str, tuple[list[Any], list[Any]]] = {
            "events": (events, [(name, *event) for name, event in self.shop.events.items()]),
            "visits": (visits, list(self.shop.visits())),
            "lines": (lines, list(self.shop.lines.items())),
        }
        return [
            f"{what} differ"
            for what, (found, wanted) in expected.items()
            if sorted(found) != sorted(wanted)
        ]

    def freshness(self) -> list[float]:
        """Seconds from clean to visible, of each batch of clicks but the first.

        For that one the stream had to start.
        """
        publication = click_event.PUBLICATION
        batches = survey(self.ledger, publication.zone, publication.inputs)
        spans = [
            (each.recorded.recorded_at - each.clean.recorded_at).total_seconds()
            for each in sorted(batches, key=lambda each: each.clean.recorded_at)
            if each.recorded is not None
        ]
        return spans[1:]

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        tables = (CLICK_EVENT, CLICK_SESSION, SALES_LINE)
        return {table.identifier: self.catalog.row_count(table.identifier) for table in tables}

    def _deliver(self) -> None:
        self.shop.deliver_clicks()
        self.shop.deliver_sales()

    def _deliver_for(self, span: timedelta) -> None:
        began = time.monotonic()
        due = {"deliver": began, "sample": began}
        steps: Mapping[str, tuple[Callable[[], None], float]] = {
            "deliver": (self._deliver, DELIVER_SECONDS),
            "sample": (self._sample, SAMPLE_SECONDS),
        }
        while time.monotonic() - began < span.total_seconds():
            for name, (step, seconds) in steps.items():
                if time.monotonic() >= due[name]:
                    step()
                    due[name] = time.monotonic() + seconds
            self._expect_workers(None)
            self._look_if_due()
            time.sleep(0.2)

    def _look_if_due(self) -> None:
        """One look of the sensor that keeps the stream alive, unless it looked lately."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        given = {name: self._resources[name] for name in ("ledger", "warehouse")}
        with dg.build_sensor_context(resources=given, cursor=self._cursor) as context:
            seen = cast("dg.SensorResult", streaming.stream_sensor()(context))
        self._cursor = seen.cursor
        held = streaming.living(self.ledger)
        if held and held.owner.pid not in self.streams:
            self.streams.append(held.owner.pid)

    def _sample(self) -> None:
        held = streaming.living(self.ledger)
        workers = {name: process.pid for name, process in self._workers.items()}
        self.samples.look({**workers, "stream": held.owner.pid if held else None})
        self.loads.append(load()[0])

    def _expect_workers(self, status: int | None) -> None:
        """Raise unless each worker is at work (None) or has ended with that exit status.

        Raises:
            BenchmarkFailed: one is not, with the last that it said.
        """
        for name, process in self._workers.items():
            if process.poll() != status:
                said = self._log(name).with_suffix(".err").read_text().strip()[-2000:]
                raise BenchmarkFailed(f"{name} ended with {process.returncode}: {said}")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """The workers and the stream; both have ended when the block has.

        Raises:
            BenchmarkFailed: a worker ended before, or failed in its last turn.
        """
        try:
            for name in WORKERS:
                self._start(name)
            yield
            self._expect_workers(None)
        finally:
            Wish(self.home).withdraw()
            for process in self._workers.values():
                process.communicate(timeout=PATIENCE_SECONDS)
            _wait(lambda: streaming.living(self.ledger) is None, "the stream ends")
        self._expect_workers(0)

    def _start(self, name: str) -> None:
        log = self._log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as said, log.with_suffix(".err").open("wb") as errors:
            self._workers[name] = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.soak.worker", name],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=errors,
            )

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"soak-{name}.log"

    def _wait_until_taken_in(self) -> None:
        _wait(lambda: not self._pending(), "everything is taken in")

    def _pending(self) -> bool:
        """Whether a batch waits, or a visit."""
        self._expect_workers(None)
        self._look_if_due()
        return not click_stream.visits_know(self.catalog) or any(
            batch.is_pending
            for publication in _WATCHED
            for batch in survey(self.ledger, publication.zone, publication.inputs)
        )

    def _rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.catalog.table(table).scan().to_arrow().to_pylist()
        return found


def _wait(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > until:
            raise BenchmarkFailed(f"after {PATIENCE_SECONDS:g} s it is not so that {what}")
        time.sleep(1)
