"""The numbers that the design wants to reach, beside the ones that were measured.

One row for each promise. A row whose measurement does not exist says why; nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.comparison import Comparison, comparisons
from benchmarks.results import (
    AGAIN,
    DAY,
    DEMO,
    DUCKDB,
    NOTHING_NEW,
    PLATFORM,
    POLARS,
    PYSPARK,
    Results,
)
from benchmarks.transfers import (
    ACCEPTANCE,
    CHANGES,
    OURS,
    of,
    shares_of_bandwidth,
    shares_of_copy,
)

GB = 1e9
NOT_MEASURED = "not measured in this run"


@dataclass(frozen=True)
class Reached:
    """One promise: what it is about, the reach in words, what was found, and by how much."""

    what: str
    reach: str
    found: str
    verdict: str


def reached(results: Results) -> list[Reached]:
    """Every promise, in the design's order."""
    return [
        *_demo(results),
        *_full(results),
        _day(results),
        Reached(
            "one day's changes, as history grows (1x, 4x, 16x)",
            "flat for tables whose changes carry the partition date",
            "measured apart",
            "on the page of the curated zone: `python -m benchmarks.curated years`",
        ),
        *_against_scripts(results),
        *_following(results),
        _acceptance(results),
        _large_files(results),
        Reached(
            "policy-governed query against plain DuckDB",
            "2 x selective, 4 x full scan, 1 s fixed",
            "not there yet",
            "no policies are enforced on queries in this release",
        ),
        Reached(
            "`.ci/run`", "75 min", "not measured here", "its own log says how long each part took"
        ),
    ]


def judged(value: float, reach: float) -> str:
    """Whether the reach was met, or by how much it was missed."""
    if value <= reach:
        return f"met, {value / reach:.0%} of it"
    return f"missed by {value / reach - 1:.0%}"


def judged_least(value: float, reach: float) -> str:
    """Whether at least the reach was met, or by how much it was missed."""
    if value >= reach:
        return f"met, {value / reach:.0%} of it"
    return f"missed by {1 - value / reach:.0%}"


def _demo(results: Results) -> Iterator[Reached]:
    for scale, seconds, gigabytes in (("smoke", 45, None), ("demo", 75, 3)):
        wall = [run.wall for run in results.of(DEMO, scale)]
        peak = [run.peak_tree / GB for run in results.of(DEMO, scale)]
        yield _row(f"`make demo`, {scale}: time", f"{seconds} s", wall, seconds, "s")
        if gigabytes:
            yield _row(f"`make demo`, {scale}: memory", f"{gigabytes} GB", peak, gigabytes, "GB")
    for scale in ("smoke", "demo"):
        again = list(results.of(AGAIN, scale))
        row = _row(f"`make demo` again, {scale}", "20 s", [run.wall for run in again], 20, "s")
        new = sum(run.counts["new snapshots"] for run in again)
        found = f"{row.found}, {new} new snapshots" if again else row.found
        verdict = row.verdict if new == 0 else f"{row.verdict}; snapshots: missed"
        yield Reached(row.what, f"{row.reach}, no new snapshot", found, verdict)


def _full(results: Results) -> Iterator[Reached]:
    runs = list(results.of(DEMO, "full", "sail"))
    yield _row("full scale, whole graph: time", "300 s", [run.wall for run in runs], 300, "s")
    peaks = [run.peak_tree / GB for run in runs]
    yield _row("full scale, whole graph: memory", "6 GB", peaks, 6, "GB")
    runs = list(results.of(PLATFORM, "full", "spark"))
    what = "full scale on Apache Spark, accept to publish"
    yield _row(f"{what}: time", "900 s", [run.wall for run in runs], 900, "s")
    yield _row(f"{what}: memory", "8 GB", [run.peak_tree / GB for run in runs], 8, "GB")


def _day(results: Results) -> Reached:
    largest = next((s for s in reversed(results.scales()) if any(results.of(DAY, s))), "full")
    runs = list(results.of(DAY, largest))
    what = f"one day of clicks and a week of price files, on all history before, {largest}"
    row = _row(what, "60 s", [run.wall for run in runs], 60, "s")
    nothing = [run.wall for run in results.of(NOTHING_NEW, largest)]
    found = f"{row.found}; then nothing new {median(nothing):.1f} s" if nothing else row.found
    return Reached(row.what, row.reach, found, row.verdict)


def _against_scripts(results: Results) -> Iterator[Reached]:
    found = comparisons(results)
    largest = results.scales()[-1] if results.scales() else "full"
    for script, reach in ((PYSPARK, 1.15), (DUCKDB, 2.0), (POLARS, 2.0)):
        rows = [each for each in found if each.script == script and each.scale == largest]
        if not rows:
            yield Reached(_against(script, largest, ""), f"{reach} x CPU", NOT_MEASURED, "")
        for each in rows:
            yield _compared(each, reach)


def _compared(each: Comparison, reach: float) -> Reached:
    what = _against(each.script, each.scale, each.engine)
    return Reached(what, f"{reach} x CPU", str(each.whole), judged(each.whole.median, reach))


def _against(script: str, scale: str, engine: str) -> str:
    on = f", platform on {engine}" if engine else ""
    return f"platform against the {script}, {scale}{on}"


def _acceptance(results: Results) -> Reached:
    what, reach = "raw acceptance as a share of min(disk, hash) bandwidth", "60 %"
    scale = next((s for s in reversed(results.scales()) if any(results.of(PLATFORM, s))), None)
    if results.bandwidth is None or scale is None:
        return Reached(what, reach, NOT_MEASURED, "")
    runs = list(results.of(PLATFORM, scale))
    speed = median(run.counts["raw bytes"] / run.zones["raw"].wall for run in runs)
    share = speed / results.bandwidth.limit
    files = runs[0].counts["raw files"]
    found = f"{share:.0%}: {speed / 1e6:.0f} of {results.bandwidth.limit / 1e6:.0f} MB/s"
    mean = runs[0].counts["raw bytes"] / files / 1e3
    return Reached(
        f"{what}, {scale} ({files:,} files of {mean:,.0f} kB on average)",
        reach,
        found,
        judged_least(share, 0.6),
    )


def _following(results: Results) -> Iterator[Reached]:
    """Loads of a database and its changes; see `benchmarks.replication`."""
    moved = results.transfers
    shares = shares_of_copy(moved, OURS)
    yield _share("load of a table, as a share of COPY TO STDOUT by psql", 0.5, shares)
    runs = list(of(moved, CHANGES, OURS))
    what = f"stream of {runs[0].rows:,} changes" if runs else "stream of changes"
    rates = [run.rows / run.seconds for run in runs]
    if rates:
        found = f"{median(rates):,.0f} a second"
        yield Reached(what, "20,000 a second", found, judged_least(median(rates), 20_000))
    else:
        yield Reached(what, "20,000 a second", NOT_MEASURED, "")
    yield _row(f"{what}: memory", "500 MB", [run.peak / 1e6 for run in runs], 500, "MB")


def _large_files(results: Results) -> Reached:
    runs = list(of(results.transfers, ACCEPTANCE))
    size = f"{runs[0].bytes / 1e6:,.0f} MB in " if runs else ""
    what = f"acceptance of {size}large files, as a share of min(disk, hash) bandwidth"
    return _share(what, 0.6, shares_of_bandwidth(results.transfers))


def _share(what: str, reach: float, shares: list[float]) -> Reached:
    wanted = f"{reach * 100:.0f} %"
    if not shares:
        return Reached(what, wanted, NOT_MEASURED, "")
    share = median(shares)
    found = f"{share:.0%} ({min(shares):.0%} to {max(shares):.0%}, rounds: {len(shares)})"
    return Reached(what, wanted, found, judged_least(share, reach))


def _row(what: str, reach: str, values: list[float], limit: float, unit: str) -> Reached:
    if not values:
        return Reached(what, reach, NOT_MEASURED, "")
    value = median(values)
    return Reached(what, reach, f"{value:.1f} {unit}", judged(value, limit))
