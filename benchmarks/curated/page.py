"""Renders what `benchmarks.curated` found as a page; it reads the results and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import Any

from benchmarks.tables import table

QUIET = 2.0


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
    heads = ("", "first 50: s", "last 50: s", "first 50: CPU s", "last 50: CPU s", "grew by")
    yield from table(heads, [_grown(each) for each in found])
    heads = ("", "snapshots", "manifests", "files named", "files there", "metadata MB", "upkeep")
    yield from table(heads, [_left(each) for each in found])


def _grown(each: Mapping[str, Any]) -> Sequence[str]:
    first, last = (median(part) for part in _ends(each["cpu"]))
    wall = [f"{median(part):.2f}" for part in _ends(each["seconds"])]
    return (each["how"], *wall, f"{first:.2f}", f"{last:.2f}", f"{last / first - 1:+.0%} of CPU")


def _ends(values: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    return values[:50], values[-50:]


def _left(each: Mapping[str, Any]) -> Sequence[str]:
    turns = each["upkeep"]
    kept = f"{len(turns)} turns of {median(turns):.1f} s" if turns else "none"
    counts = [f"{each[name]:,}" for name in ("snapshots", "manifests", "named", "there")]
    return (each["how"], *counts, f"{each['metadata_bytes'] / 1e6:.1f}", kept)


_SECTIONS: Mapping[str, Callable[[Any], Iterator[str]]] = MappingProxyType({"commits": _commits})
