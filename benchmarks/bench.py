"""The bench: which runs are made, in which order, and what is written down of each.

For each scale: the demo as a newcomer runs it, twice; then a landing zone is filled once and put
aside, without what was delivered last; then rounds, in each of which the platform and every script
run once, one after the other, so that a slow minute of the machine hits all sides; then the
delivery that was held back comes, on top of a whole history, and then nothing more.

The hazard is a bench that never ends. A budget of minutes is asked before every run; what it does
not allow any more is named in the results.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.agreement import expect_agreement, platform_counts
from benchmarks.attribution import StepTime
from benchmarks.bandwidth import measure_bandwidth
from benchmarks.facts import (
    by_zone_and_table,
    new_snapshots,
    platform_facts,
    script_facts,
    steps_of,
)
from benchmarks.homes import BenchmarkFailed, Home, compile_everything, move_files
from benchmarks.machine import load
from benchmarks.measure import Measured
from benchmarks.results import (
    AGAIN,
    DAY,
    DEMO,
    DUCKDB,
    INGEST,
    NOTHING_NEW,
    PLATFORM,
    POLARS,
    PYSPARK,
    Facts,
    Results,
    run_from,
)

SCRIPT_MODULES = {
    DUCKDB: "benchmarks.plain.duckdb_script",
    POLARS: "benchmarks.plain.polars_script",
    PYSPARK: "benchmarks.plain.pyspark_script",
}
# The last delivery of the systems that deliver by themselves: a day of clicks, a week of files.
LAST_DELIVERIES = (
    "clickstream/click_event/2017/12/31",
    "pricing/price_week/2018-01-01",
    "pricing/promotion_week/2018-01-01",
)


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        scales: smallest first.
        engines: that the platform and the PySpark script run on, by scale.
        rounds: of the comparison, by scale; 0 leaves it out.
        scripts: that are compared.
        demo: whether the demo is run as a newcomer runs it.
        minutes: after so many no further run begins.
    """

    scales: Sequence[str]
    engines: dict[str, Sequence[str]]
    rounds: dict[str, int]
    scripts: Sequence[str]
    demo: bool
    minutes: float


class OutOfTime(Exception):
    """The budget does not allow another run."""


@dataclass
class Bench:
    """One bench at work below `work`; `keep` is called after every run, `say` told of it."""

    plan: Plan
    work: Path
    results: Results
    keep: Callable[[], None]
    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    _given_up: set[tuple[str, str, str]] = field(default_factory=set)

    def run(self) -> None:
        """Everything that the plan asks for and the budget allows; failures are in the results."""
        compile_everything()
        self.results.load_before = load()[0]
        if self.results.bandwidth is None:
            self.results.bandwidth = measure_bandwidth(self.work)
        for scale in self.plan.scales:
            for part in self._parts(scale):
                try:
                    part()
                except OutOfTime as what:
                    self._leave_out(f"{what}: the budget of {self.plan.minutes:g} minutes was used")
                except BenchmarkFailed as failure:
                    self._fail(f"{scale}: {failure}")
        self.results.load_after = load()[0]
        self.keep()

    def _parts(self, scale: str) -> Iterator[Callable[[], None]]:
        if self.plan.demo:
            yield lambda: self._demo(scale)
        if self.plan.rounds[scale]:
            yield lambda: self._comparison(scale)

    def _demo(self, scale: str) -> None:
        home = Home(self.work / "home", scale)
        home.make()
        self._measure(home, DEMO, "-m", "demo")
        snapshots = home.snapshots()

        self._measure(home, AGAIN, "-m", "demo", facts=lambda *_: new_snapshots(home, snapshots))

    def _comparison(self, scale: str) -> None:
        self._land(scale)
        engines = self.plan.engines[scale]
        for turn in range(1, self.plan.rounds[scale] + 1):
            for engine in engines:
                self._turn(scale, engine, turn, scripts=engine == engines[0])
        self._day(scale, engines[0])

    def _land(self, scale: str) -> None:
        """Fill a landing zone, measured, and put the home aside; the last deliveries wait."""
        home, landed = Home(self.work / "home", scale), self.work / "landed"
        shutil.rmtree(landed, ignore_errors=True)
        home.make()
        self._expect_time(f"{scale}: the comparison")
        with home.company():
            landing = home.path / "lake" / "landing"
            held = [p for place in LAST_DELIVERIES for p in (landing / place).rglob("*.*")]
            if not held:
                raise BenchmarkFailed(f"landing holds nothing below {', '.join(LAST_DELIVERIES)}")
            shutil.rmtree(self.work / "held", ignore_errors=True)
            move_files(held, landing, self.work / "held")
            self._measure(
                home, INGEST, "-m", "benchmarks.refresh", "ingest", facts=by_zone_and_table
            )
            home.let_year_end()
            home.run("-m", "benchmarks.refresh", "ingest")
        shutil.rmtree(home.path / "company")
        home.path.rename(landed)

    def _turn(self, scale: str, engine: str, turn: int, *, scripts: bool) -> None:
        """The platform, then each script on what it accepted."""
        home = Home(self.work / "home", scale, engine)
        home.replace_by(self.work / "landed")
        self._measure(
            home,
            PLATFORM,
            *("-m", "benchmarks.refresh", "work"),
            turn=turn,
            facts=lambda measured, steps: by_zone_and_table(measured, steps, platform_facts(home)),
        )
        for script in self.plan.scripts:
            if script == PYSPARK or scripts:
                self._try_script(home, script, turn)

    def _try_script(self, home: Home, script: str, turn: int) -> None:
        """One that fails or disagrees is not asked again, and the others go on."""
        side = (home.scale, script, home.engine)
        if side in self._given_up:
            return
        try:
            self._script(home, script, turn)
        except BenchmarkFailed as failure:
            self._given_up.add(side)
            self._fail(f"{' '.join(side)}: {failure}")

    def _script(self, home: Home, script: str, turn: int) -> None:
        out = self.work / "script"
        shutil.rmtree(out, ignore_errors=True)
        raw = home.path / "lake" / "raw"
        options = ["--engine", home.engine] if script == PYSPARK else []
        self._measure(
            home,
            script,
            *("-m", SCRIPT_MODULES[script], "--raw", str(raw), "--out", str(out), *options),
            turn=turn,
            facts=lambda *_: Facts(counts=script_facts(out)),
        )
        if turn == 1:
            try:
                expect_agreement(home, script, out)
            except BenchmarkFailed:
                # What did other work is no measurement of this work.
                self.results.runs.pop()
                raise
            self.say(f"  the {script} and the platform made the same")

    def _day(self, scale: str, engine: str) -> None:
        """The delivery that was held back, on top of a whole history; then nothing more."""
        home = Home(self.work / "home", scale, engine)
        held, landing = self.work / "held", home.path / "lake" / "landing"
        if engine != self.plan.engines[scale][-1]:
            # The last round ended on another engine.
            self._expect_time(f"{scale}: one day")
            home.replace_by(self.work / "landed")
            home.run("-m", "benchmarks.refresh", "work")
        delivered = [path for path in held.rglob("*") if path.is_file()]
        before = sum(counts["in"] for counts in platform_counts(home).values())
        move_files(delivered, held, landing)

        def facts(measured: Measured, steps: Sequence[StepTime]) -> Facts:
            rows = sum(counts["in"] for counts in platform_counts(home).values())
            counts = {"files": len(delivered), "clean rows in": rows - before}
            return by_zone_and_table(measured, steps, counts)

        self._measure(home, DAY, "-m", "benchmarks.refresh", "dropped", "work", facts=facts)
        snapshots = home.snapshots()
        self._measure(
            home,
            NOTHING_NEW,
            *("-m", "benchmarks.refresh", "dropped", "work"),
            facts=lambda *_: new_snapshots(home, snapshots),
        )

    def _measure(
        self,
        home: Home,
        what: str,
        *command: str,
        turn: int = 1,
        facts: Callable[[Measured, Sequence[StepTime]], Facts] = lambda *_: Facts(),
    ) -> None:
        engine = "" if what in (DUCKDB, POLARS) else home.engine
        self._expect_time(f"{home.scale}: {what}")
        before, since = load()[0], time.time()
        measured = home.run(*command)
        steps = steps_of(home, since) if what not in SCRIPT_MODULES else []
        run = run_from(
            measured,
            facts(measured, steps),
            what=what,
            scale=home.scale,
            engine=engine,
            turn=turn,
            load=before,
        )
        self.results.runs.append(run)
        self.results.load_after = load()[0]
        self.keep()
        self.say(
            f"{run.scale:6} {run.what:17} {run.engine:6} {run.wall:7.1f} s  {run.cpu:7.1f} CPU-s  "
            f"{run.peak_tree / 1e9:5.2f} GB"
        )

    def _expect_time(self, what: str) -> None:
        if time.monotonic() - self.began > self.plan.minutes * 60:
            raise OutOfTime(what)

    def _fail(self, what: str) -> None:
        lines = what.strip().splitlines()
        # A log between first and last may be long, and may name places of this machine.
        self.results.failed.append(": ".join(dict.fromkeys((lines[0], lines[-1]))))
        self.say(f"FAILED {what}")
        self.keep()

    def _leave_out(self, what: str) -> None:
        self.results.left_out.append(what)
        self.say(f"left out: {what}")
        self.keep()
