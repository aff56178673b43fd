"""Renders what one day cost on histories of different lengths: table by table, flat or not.

Two lists, as the promise is about one of them: what is bound to the days of what is new, and the
rest, whose slope is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import Any

from benchmarks.fit import fit
from benchmarks.tables import table

FLAT_SHARE, FLAT_SECONDS = 1.25, 0.3
SHOWN_SECONDS = 0.3
_LISTS = MappingProxyType({True: "bound to the days of what is new", False: "the rest"})
_NOTHING = MappingProxyType({"python": 0.0, "engine": 0.0, "written": 0})
Run = Mapping[str, Any]


def years(found: Sequence[Run]) -> Iterator[str]:
    """The section about runs of the day, see `benchmarks.curated.years`."""
    lengths = sorted({run["multiple"] for run in found})
    runs = {each: [run for run in found if run["multiple"] == each] for each in lengths}
    yield f"## One day's changes on {', '.join(map(str, lengths))} years of history"
    yield ""
    heads = ("years", "rows before", "rows of the day", "s", "CPU s", "of these orchestration")
    yield from table(heads, [_day(length, mine) for length, mine in runs.items()])
    scale, rounds = found[0]["scale"].capitalize(), len(runs[lengths[0]])
    yield f"{scale} scale; medians, rounds: {rounds}. Flat: on {lengths[-1]} years at most "
    yield f"{FLAT_SHARE:g} x what it takes on {lengths[0]}, or {FLAT_SECONDS} s more. Engine: the "
    yield "jobs; the rest is the platform's own process, with the claims that it proves. What "
    yield f"never takes {SHOWN_SECONDS} s is left out."
    yield ""
    for is_dated, what in _LISTS.items():
        yield from table(_heads(what, lengths), [row.cells() for row in _grown(runs, is_dated)])


def _heads(what: str, lengths: Sequence[int]) -> Sequence[str]:
    cpu = [f"CPU s, {length}" for length in lengths]
    ends = (lengths[0], lengths[-1])
    engine, written = ([f"{said}, {end}" for end in ends] for said in ("engine", "kB written"))
    return (what, *cpu, "a year more", *engine, *written, "the job", "all of it")


def _day(length: int, runs: Sequence[Run]) -> Sequence[str]:
    counts = [f"{runs[0][name]:,}" for name in ("rows before", "rows")]
    orchestration = median(_cpu(run["orchestration"]) for run in runs)
    times = [median(run[name] for run in runs) for name in ("wall", "cpu")]
    return (f"{length}", *counts, *(f"{each:.1f}" for each in (*times, orchestration)))


def _cpu(cost: Mapping[str, Any]) -> float:
    return float(cost["python"]) + float(cost["engine"])


def is_flat(costs: Sequence[float]) -> bool:
    """Whether the longest history costs about what the shortest does."""
    first, last = costs[0], costs[-1]
    return last <= max(FLAT_SHARE * first, first + FLAT_SECONDS)


@dataclass(frozen=True)
class Grown:
    """What a table cost on each history: CPU seconds, those of the engine, bytes written."""

    name: str
    lengths: Sequence[int]
    cpu: Sequence[float]
    engine: Sequence[float]
    written: Sequence[float]

    def cells(self) -> Sequence[str]:
        """Its row of the page."""
        line = fit(self.lengths, self.cpu) if min(self.cpu) > 0 else None
        cpu = [f"{each:.2f}" for each in self.cpu]
        slope = f"{line.marginal:.3f}" if line else ""
        engine = [f"{self.engine[end]:.2f}" for end in (0, -1)]
        written = [f"{self.written[end] / 1e3:,.0f}" for end in (0, -1)]
        verdicts = ("flat" if is_flat(costs) else "grows" for costs in (self.engine, self.cpu))
        return (self.name, *cpu, slope, *engine, *written, *verdicts)


def _grown(runs: Mapping[int, Sequence[Run]], is_dated: bool) -> list[Grown]:
    """The tables of one list, the dearest on the longest history first."""
    names = {
        name
        for mine in runs.values()
        for run in mine
        for name, cost in run["tables"].items()
        if cost["is_dated"] == is_dated
    }
    found = [_medians(name, runs) for name in sorted(names)]
    shown = [each for each in found if max(each.cpu) >= SHOWN_SECONDS]
    return sorted(shown, key=lambda each: -each.cpu[-1])


def _medians(name: str, runs: Mapping[int, Sequence[Run]]) -> Grown:
    costs = [[run["tables"].get(name, _NOTHING) for run in mine] for mine in runs.values()]
    return Grown(
        name,
        list(runs),
        [median(map(_cpu, mine)) for mine in costs],
        [median(each["engine"] for each in mine) for mine in costs],
        [median(each["written"] for each in mine) for mine in costs],
    )
