"""What one day's changes cost on one year of history, on four and on sixteen.

The company has one year. Older ones are delivered as its systems would have delivered them
(`benchmarks.curated.older_years`); the platform accepts and publishes all of it, and the home is
put aside. Then the day comes, the same one on every history: what the bench holds back (a day of
clicks, a week of price and promotion files), and one day at the tills. Each round begins with a
fresh copy of the published home.

The hazard is the copy: an object of landing that is copied is another version of it, and the
platform would look at all history again. So landing is linked. And a step of a fifth of a second is
noise: it may take 0.3 s more and count as flat. What a table's files grew by is counted too, and no
clock moves that.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.agreement import platform_counts
from benchmarks.attribution import ORCHESTRATION, StepCost, by_table, by_zone
from benchmarks.bench import LAST_DELIVERIES
from benchmarks.curated.older_years import add_years
from benchmarks.facts import steps_of
from benchmarks.homes import BenchmarkFailed, Home, compile_everything, move_files
from benchmarks.machine import load
from spark.tables import TABLES

MULTIPLES = (1, 4, 16)


def years(
    work: Path, scale: str, rounds: int, say: Callable[[str], None]
) -> Iterator[Mapping[str, Any]]:
    """Every run of the day.

    Args:
        work: a folder, which is made and removed.
        scale: of the demo company.
        rounds: on each history.
        say: is told how it goes.

    Raises:
        BenchmarkFailed: a run failed.
    """
    compile_everything()
    bench = _Bench(work, scale, say)
    try:
        bench.land()
        for multiple in MULTIPLES:
            bench.publish(multiple)
            for _ in range(rounds):
                yield bench.day(multiple)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def is_dated(name: str) -> bool:
    """Whether what a step makes is bound to the days of what is new: a day's cost should be flat.

    That is so of raw and clean, which work batch by batch, and of published tables that take
    changes in and are partitioned by a day that these carry.

    Args:
        name: zone and table, such as "curated order".
    """
    zone, _, table = name.partition(" ")
    known = TABLES.get(f"{zone}.{table}")
    if known is None:
        return zone in ("raw", "clean")
    return bool(known.partition) and "_change_order" in known.column_names


@dataclass(frozen=True)
class _Bench:
    """The homes below `work`: one with a year landed, what is held back, one published."""

    work: Path
    scale: str
    say: Callable[[str], None]

    @property
    def home(self) -> Home:
        """Where all work is done: paths are part of what ledger and tables remember."""
        return Home(self.work / "home", self.scale)

    def land(self) -> None:
        """Land the year, without the day, and hold that back."""
        shutil.rmtree(self.work, ignore_errors=True)
        home, landing = self.home, self.home.path / "lake" / "landing"
        home.make()
        with home.company():
            last = [file for place in LAST_DELIVERIES for file in _files(landing / place)]
            move_files(last, landing, self.work / "held")
            home.run("-m", "benchmarks.refresh", "ingest")
            home.let_year_end()
            home.run("-m", "benchmarks.refresh", "ingest")
            before = set(_files(landing))
            home.let_day_pass()
            home.run("-m", "benchmarks.refresh", "ingest")
            sold = [file for file in _files(landing) if file not in before]
            move_files(sold, landing, self.work / "held")
        if not (last and sold):
            raise BenchmarkFailed(f"the day is no day: {len(last)} files, {len(sold)} of sales")
        shutil.rmtree(home.path / "company")
        home.path.rename(self.work / "landed")

    def publish(self, multiple: int) -> None:
        """Publish so many years, and put the home aside."""
        home, published = self.home, self.work / "published"
        home.replace_by(self.work / "landed")
        add_years(home, self.work / "held", multiple - 1)
        measured = home.run("-m", "benchmarks.refresh", "work")
        self.say(f"{multiple:2} x  published in {measured.wall:.0f} s, {measured.cpu:.0f} CPU-s")
        shutil.rmtree(published, ignore_errors=True)
        home.path.rename(published)

    def day(self, multiple: int) -> Mapping[str, Any]:
        """The day on so many years."""
        home = self.home
        self._replace(home)
        rows, files = _rows(home), _sizes(home)
        shutil.copytree(self.work / "held", home.path / "lake" / "landing", dirs_exist_ok=True)
        before, since = load()[0], time.time()
        measured = home.run("-m", "benchmarks.refresh", "dropped", "work")
        steps = steps_of(home, since)
        written = {
            name: sum(size for file, size in sizes.items() if file not in files.get(name, {}))
            for name, sizes in _sizes(home).items()
        }
        self.say(f"{multiple:2} x  the day: {measured.wall:.1f} s, {measured.cpu:.1f} CPU-s")
        return {
            "multiple": multiple,
            "scale": self.scale,
            "load": before,
            "rows before": rows,
            "rows": _rows(home) - rows,
            "wall": measured.wall,
            "cpu": measured.cpu,
            "orchestration": asdict(by_zone(steps, measured)[ORCHESTRATION]),
            "tables": {
                name: _told(name, cost, written)
                for name, cost in sorted(by_table(steps, measured).items())
            },
        }

    def _replace(self, home: Home) -> None:
        """Make the home a copy of the published one, with the very objects that were accepted."""
        home.replace_by(self.work / "published")
        landing = home.path / "lake" / "landing"
        shutil.rmtree(landing)
        shutil.copytree(
            self.work / "published" / "lake" / "landing", landing, copy_function=os.link
        )


def _told(name: str, cost: StepCost, written: Mapping[str, int]) -> Mapping[str, Any]:
    return {**asdict(cost), "is_dated": is_dated(name), "written": written.get(name, 0)}


def _rows(home: Home) -> int:
    """Rows that all sources delivered, as far as they have become clean."""
    return sum(counts["in"] for counts in platform_counts(home).values())


def _sizes(home: Home) -> dict[str, dict[Path, int]]:
    """Bytes of each data file of every published table, by zone and table."""
    lake = home.path / "lake"
    return {
        f"{table.zone} {table.name}": {
            file: file.stat().st_size for file in _files(lake / table.zone / table.name / "data")
        }
        for table in TABLES.values()
    }


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
