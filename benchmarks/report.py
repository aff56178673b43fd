"""Renders results as a page: reach, ratios, CPU per row and zone, fits, memory, the machine.

Rendering reads the JSON and nothing else, so a page can be made again from what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.attribution import NOTHING, ORCHESTRATION, StepCost
from benchmarks.comparison import Comparison, comparisons
from benchmarks.fit import Line, fit
from benchmarks.reach import reached
from benchmarks.results import PLATFORM, SCRIPTS, Results, Run
from benchmarks.tables import table
from benchmarks.transfer_report import transfers

ZONES = (ORCHESTRATION, "raw", "clean", "curated", "forecast", "serving")
SHOWN_TABLES = 15
MICRO = 1e6


def render(results: Results) -> str:
    """The page, as Markdown."""
    sections = (
        _head(results),
        _reach(results),
        _comparison(results),
        _per_row(results),
        _fits(results),
        _steps(results),
        transfers(results),
        _runs(results),
        _left_out(results),
    )
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _head(results: Results) -> Iterator[str]:
    machine = results.machine
    packages = ", ".join(f"{name} {found}" for name, found in machine.packages.items())
    quiet = max(results.load_before, 0.0) <= 0.5
    yield f"# Benchmark of {results.began[:10]}, {machine.cores} cores"
    yield ""
    yield f"Commit {results.commit}. {machine.model}, {machine.cores} cores, "
    yield f"{machine.memory / 1e9:.0f} GB; Linux {machine.kernel}, Python {machine.python}; "
    yield f"{packages}."
    yield ""
    yield (
        f"Load before {results.load_before:.1f}, after {results.load_after:.1f}."
        + ("" if quiet else " **The machine was not idle: read times as upper bounds.**")
    )
    if results.bandwidth:
        yield (
            f"Disk {results.bandwidth.disk / 1e6:.0f} MB/s written and synced, SHA-256 "
            f"{results.bandwidth.hashing / 1e6:.0f} MB/s on one core."
        )
    yield "How to read this page: [README](../README.md)."
    yield ""
    for what in results.failed:
        yield f"**Failed:** {what.splitlines()[0]}"
        yield ""


def _reach(results: Results) -> Iterator[str]:
    yield "## Against what we want to reach"
    yield ""
    rows = [(row.what, row.reach, row.found, row.verdict) for row in reached(results)]
    yield from table(("what", "reach", "found", ""), rows)


def _comparison(results: Results) -> Iterator[str]:
    found = comparisons(results)
    if not found:
        return
    yield "## Platform against plain scripts"
    yield ""
    yield "CPU seconds of whole process trees, medians. Compared is what both sides do; to the "
    yield "platform's side comes all of its orchestration, to the script's its own start and end."
    yield ""
    rows = [_compared(each) for each in found]
    heads = ("scale", "script", "engine", "platform", "script", "ratio", "without orchestration")
    yield from table(heads, rows)
    for tables in dict.fromkeys(each.tables for each in found):
        scripts = dict.fromkeys(each.script for each in found if each.tables == tables)
        yield f"The {', '.join(scripts)}: all of clean, and {', '.join(tables)}."
    yield ""
    yield "Not compared, CPU seconds of the platform:"
    yield ""
    for each in found:
        if each.script == found[0].script:
            yield f"- {each.scale}, {each.engine}: {_apart(each)}"
    yield ""


def _apart(each: Comparison) -> str:
    runs = [ours for ours, _ in each.pairs]
    costs = {
        name: median(each.apart(run).get(name, NOTHING).cpu for run in runs)
        for name in each.apart(runs[0])
    }
    dearest = sorted(costs.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {cost:.1f}" for name, cost in dearest)


def _compared(each: Comparison) -> Sequence[str]:
    ours = median(each.compared(run).cpu for run, _ in each.pairs)
    theirs = median(run.cpu for _, run in each.pairs)
    name = each.script.removesuffix(" script")
    return (
        *(each.scale, name, each.engine, f"{ours:.1f}", f"{theirs:.1f}"),
        str(each.whole),
        str(each.without_orchestration),
    )


def _per_row(results: Results) -> Iterator[str]:
    groups = _groups(results)
    if not groups:
        return
    yield "## CPU by zone"
    yield ""
    yield "Median CPU seconds (of them the engine's), and microseconds for each row that came in: "
    yield "rows delivered by all sources, whatever the zone makes of them."
    yield ""
    rows = []
    for scale, engine, runs in groups:
        rows_in = runs[0].counts["clean rows in"]
        cells = [_zone_cell(runs, zone, rows_in) for zone in ZONES]
        rows.append((scale, engine, f"{rows_in:,}", *cells))
    yield from table(("scale", "engine", "rows", *ZONES), rows)


def _zone_cell(runs: Sequence[Run], zone: str, rows_in: int) -> str:
    cpu = median(run.zones.get(zone, NOTHING).cpu for run in runs)
    engine = median(run.zones.get(zone, NOTHING).engine for run in runs)
    return f"{cpu:.1f} ({engine:.1f}); {cpu / rows_in * MICRO:.1f} us"


def _fits(results: Results) -> Iterator[str]:
    yield "## Fixed and marginal cost"
    yield ""
    yield "CPU = fixed + marginal x rows delivered, relative least squares over the medians of the "
    yield "scales. With two scales the line is exact and proves nothing."
    yield ""
    rows = []
    for engine in dict.fromkeys(run.engine for run in results.of(PLATFORM)):
        runs = list(results.of(PLATFORM, engine=engine))
        rows.append((f"platform on {engine}", *_fitted(runs, lambda run: run.cpu)))
        for zone in ZONES:
            rows.append((f"platform on {engine}: {zone}", *_fitted(runs, _cpu_of(zone))))
    for script in SCRIPTS:
        for engine in dict.fromkeys(run.engine for run in results.of(script)):
            runs = list(results.of(script, engine=engine))
            on = f" on {engine}" if engine else ""
            rows.append((f"{script}{on}", *_fitted(runs, lambda run: run.cpu)))
    heads = ("what", "fixed, s", "marginal, us a row", "worst fit", "fitted to (rows: CPU s)")
    yield from table(heads, rows)


def _cpu_of(zone: str) -> Callable[[Run], float]:
    return lambda run: run.zones.get(zone, NOTHING).cpu


def _fitted(runs: Sequence[Run], cpu: Callable[[Run], float]) -> Sequence[str]:
    points: dict[int, list[float]] = {}
    for run in runs:
        points.setdefault(run.counts["clean rows in"], []).append(cpu(run))
    medians = {rows: median(costs) for rows, costs in sorted(points.items())}
    shown = ", ".join(f"{rows:,}: {cost:.2f}" for rows, cost in medians.items())
    line: Line | None = None
    if all(cost > 0 for cost in medians.values()):
        line = fit(list(medians), list(medians.values()))
    if line is None:
        return ("", "", "", shown)
    worst = f"{line.worst:.0%}" if line.points > 2 else "two points"
    return (f"{line.fixed:.2f}", f"{line.marginal * MICRO:.2f}", worst, shown)


def _steps(results: Results) -> Iterator[str]:
    groups = _groups(results)
    if not groups:
        return
    scale, engine, runs = next(group for group in reversed(groups) if group[1] == groups[0][1])
    rows_in = runs[0].counts["clean rows in"]
    yield f"## What costs the most, {scale} on {engine}"
    yield ""
    yield "Medians, checks included. The engine starts in the first step of clean that runs."
    yield ""
    costs = {name: _median_cost(runs, name) for name in runs[0].tables}
    dearest = sorted(costs.items(), key=lambda item: -item[1].cpu)[:SHOWN_TABLES]
    rows = [
        (
            name,
            f"{c.wall:.1f}",
            f"{c.python:.1f}",
            f"{c.engine:.1f}",
            f"{c.cpu / rows_in * 1e6:.2f}",
        )
        for name, c in dearest
    ]
    yield from table(("step", "wall s", "Python CPU s", "engine CPU s", "us a row"), rows)


def _median_cost(runs: Sequence[Run], table: str) -> StepCost:
    costs = [run.tables.get(table, NOTHING) for run in runs]
    return StepCost(
        median(c.wall for c in costs),
        median(c.python for c in costs),
        median(c.engine for c in costs),
    )


def _runs(results: Results) -> Iterator[str]:
    yield "## Every run"
    yield ""
    yield "Whole process trees. Memory: the tree's peak, and the largest single process. Bytes: "
    yield "what reached or left storage; the page cache takes most reads."
    yield ""
    rows = [
        (
            *(run.scale, run.what, run.engine, str(run.turn), f"{run.load:.1f}"),
            *(f"{run.wall:.1f}", f"{run.cpu:.1f}"),
            f"{run.peak_tree / 1e9:.2f} / {run.peak_process / 1e9:.2f}",
            f"{run.storage_read / 1e6:,.0f} / {run.storage_written / 1e6:,.0f}",
        )
        for run in results.runs
    ]
    heads = ("scale", "what", "engine", "round", "load", "wall s", "CPU s", "GB", "MB read/written")
    yield from table(heads, rows)


def _left_out(results: Results) -> Iterator[str]:
    if results.left_out:
        yield "## Left out"
        yield ""
        yield from (f"- {what}" for what in results.left_out)


def _groups(results: Results) -> list[tuple[str, str, list[Run]]]:
    """The platform's runs by scale and engine, smallest scale first."""
    return [
        (scale, engine, list(results.of(PLATFORM, scale, engine)))
        for scale in results.scales()
        for engine in dict.fromkeys(run.engine for run in results.of(PLATFORM, scale))
    ]
