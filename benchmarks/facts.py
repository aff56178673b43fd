"""What is known of a run beside its measurement: where its time went, and what it made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.agreement import platform_counts, published_rows
from benchmarks.attribution import StepTime, by_table, by_zone, steps_since
from benchmarks.homes import Home, folder_size
from benchmarks.measure import Measured
from benchmarks.results import Facts


def steps_of(home: Home, since: float) -> list[StepTime]:
    """Every step of the runs that began in a home after a moment."""
    with _instance(home) as instance:
        return steps_since(instance, since)


@contextmanager
def _instance(home: Home) -> Iterator[Any]:
    import dagster as dg

    # `dagster.yaml` names its folder by a variable.
    with (
        patch.dict(os.environ, home.environment),
        dg.DagsterInstance.from_config(home.environment["DAGSTER_HOME"]) as instance,
    ):
        yield instance


def by_zone_and_table(
    measured: Measured, steps: Sequence[StepTime], counts: Mapping[str, int] | None = None
) -> Facts:
    """Where the tree's time and CPU went."""
    return Facts(by_zone(steps, measured), by_table(steps, measured), counts or {})


def new_snapshots(home: Home, before: int) -> Facts:
    """How many snapshots there are more than before."""
    return Facts(counts={"new snapshots": home.snapshots() - before})


def platform_facts(home: Home) -> dict[str, int]:
    """Rows of clean and of every published table; files and bytes of every zone."""
    clean = platform_counts(home).values()
    counts = {f"clean rows {name}": sum(each[name] for each in clean) for name in ("in", "out")}
    for zone in ("landing", "raw", "clean", "curated", "forecast"):
        counts[f"{zone} files"], counts[f"{zone} bytes"] = home.zone_size(zone)
    for identifier, rows in published_rows(home).items():
        counts[f"{identifier} rows"] = rows
    return counts


def script_facts(out: Path) -> dict[str, int]:
    """The same of what a script left, as far as it has it."""
    told = json.loads((out / "counts.json").read_text())
    counts = {f"{identifier} rows": rows for identifier, rows in told["curated"].items()}
    counts["clean rows in"] = sum(each["in"] for each in told["clean"].values())
    counts["clean files"], counts["clean bytes"] = folder_size(out / "clean")
    counts["tables files"], counts["tables bytes"] = folder_size(out / "tables")
    return counts
