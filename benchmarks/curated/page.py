"""Renders what `benchmarks.curated` found as a page; it reads the results and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median, quantiles
from types import MappingProxyType
from typing import Any

from benchmarks.curated.growth import years
from benchmarks.tables import table

QUIET = 2.0
# Commits at the beginning of a series, in its middle and at its end.
FEW = 50


def render(results: Mapping[str, Any]) -> str:
    """The page, as Markdown."""
    lines = [*_head(results)]
    for part, section in _SECTIONS.items():
        if part in results:
            lines += [*section(results[part]["found"]), *_circumstances(results[part])]
    return "\n".join(lines).rstrip() + "\n"


def _head(results: Mapping[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    yield f"# The curated zone, {machine['cores']} cores"
    yield ""
    yield f"{machine['model']}, {machine['memory'] / 1e9:.0f} GB; Linux {machine['kernel']}, "
    yield f"Python {machine['python']}. How to read this page: [README](../README.md)."
    yield ""


def _circumstances(part: Mapping[str, Any]) -> Iterator[str]:
    busy = "" if part["load"] <= QUIET else " **The machine was not idle: times are upper bounds.**"
    yield f"Commit {part['commit']}, {part['began']}; load at the end {part['load']:.1f}.{busy}"
    yield ""


def _commits(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"## {len(found[0]['seconds'])} small commits"
    yield ""
    heads = ("", f"seconds of the first {FEW}", f"middle {FEW}", f"last {FEW}")
    yield from table((*heads, f"CPU seconds of the first {FEW}", *heads[2:]), map(grown, found))
    left = ("", "snapshots", "manifests", "files named", "files there", "metadata MB", "upkeep")
    yield from table(left, map(_left, found))


def grown(each: Mapping[str, Any]) -> Sequence[str]:
    """How a series was kept, and medians of its first, middle and last commits: s, then CPU s."""
    medians = (median(part) for name in ("seconds", "cpu") for part in _parts(each[name]))
    return (each["how"], *(f"{value:.2f}" for value in medians))


def _parts(values: Sequence[float]) -> Iterator[Sequence[float]]:
    """The first few, a few around the middle, and the last."""
    middle = max(len(values) // 2 - FEW // 2, 0)
    for start in (0, middle, max(len(values) - FEW, 0)):
        yield values[start : start + FEW]


def _left(each: Mapping[str, Any]) -> Sequence[str]:
    turns = each["upkeep"]
    kept = f"{len(turns)} turns of {median(turns):.1f} s" if turns else "none"
    counts = [f"{each[name]:,}" for name in ("snapshots", "manifests", "named", "there")]
    return (each["how"], *counts, f"{each['metadata_bytes'] / 1e6:.1f}", kept)


def _modes(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    merges = [each for each in found if each["kind"] == "Merged"]
    reads = [each for each in found if each["kind"] == "Read"]
    days = max(each["days"] for each in reads)
    yield f"## One day's changes, by copy-on-write and merge-on-read, days: {days}"
    yield ""
    heads = ("a day's", "mode", "rows", "data kB", "delete kB", "written / changed", "s", "CPU s")
    kinds = sorted({(each["what"], each["mode"]) for each in merges}, reverse=True)
    yield from table(heads, [_merged(merges, *kind) for kind in kinds])
    heads_of_reads = ("reading all rows", "mode", "days of changes", "s", "CPU s")
    yield from table(heads_of_reads, [_read(each) for each in reads])


def _merged(merges: Sequence[Mapping[str, Any]], what: str, mode: str) -> Sequence[str]:
    mine = [each for each in merges if (each["what"], each["mode"]) == (what, mode)]

    def middle(name: str) -> float:
        return float(median(each[name] for each in mine))

    written = median((each["data"] + each["deletes"]) / each["changed"] for each in mine)
    sizes = [f"{middle(name) / 1e3:,.0f}" for name in ("data", "deletes")]
    times = [f"{middle(name):.1f}" for name in ("seconds", "cpu")]
    return (what, mode, f"{middle('rows'):,.0f}", *sizes, f"{written:,.0f}", *times)


def _read(each: Mapping[str, Any]) -> Sequence[str]:
    times = [f"{each[name]:.2f}" for name in ("seconds", "cpu")]
    return (each["reader"], each["mode"], f"{each['days']}", *times)


def _freshness(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## From an event file in landing to its row, with a stream that goes on"
    yield ""
    heads = ("files", "p50", "p99", "quickest", "slowest")
    yield from table(heads, [_fresh(each["seconds"]) for each in found])


def _fresh(seconds: Sequence[float]) -> Sequence[str]:
    cuts = quantiles(seconds, n=100, method="inclusive")
    times = (cuts[49], cuts[98], min(seconds), max(seconds))
    return (f"{len(seconds)}", *(f"{each:.1f} s" for each in times))


_SECTIONS: Mapping[str, Callable[[Any], Iterator[str]]] = MappingProxyType(
    {"commits": _commits, "modes": _modes, "freshness": _freshness, "years": years}
)
