"""`python -m benchmarks.soak`: deliver for half an hour, and say what grew.

    python -m benchmarks.soak                          half an hour
    python -m benchmarks.soak --minutes 3              to see that it works; nothing is warm by then

Exit status: 0 all is flat and right, 1 something grew, is wrong or ended.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

import typer

from benchmarks.__main__ import RESULTS, commit_measured
from benchmarks.machine import this_machine
from benchmarks.soak.running import Soak
from benchmarks.soak.samples import trends

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(help="of deliveries")] = 30.0,
    into: Annotated[Path | None, typer.Option(help="the result's JSON file")] = None,
) -> None:
    """Soak, write the result down, and judge it."""
    machine, began = this_machine(), datetime.now(UTC)
    file = into or RESULTS / f"{began:%Y-%m-%d}-{machine.short_name}-soak.json"
    home = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        soaked = Soak(home, typer.echo)
        soaked.run(minutes)
        found = {
            "machine": asdict(machine),
            "commit": commit_measured(),
            "began": began.isoformat(timespec="minutes"),
            "minutes": minutes,
            **_found(soaked),
        }
    finally:
        shutil.rmtree(home, ignore_errors=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    if not _told(found):
        raise typer.Exit(1)


def _found(soaked: Soak) -> dict[str, Any]:
    """The result: what was done, whether it is right, and what became of each series."""
    commits = [turn for turn in soaked.turns["publish"] if turn["batches"]]
    kept = soaked.turns["keep"]
    return {
        "load": {"median": median(soaked.loads), "most": max(soaked.loads)},
        "deliveries": soaked.shop.deliveries,
        "commits of sales": len(commits),
        "seconds a commit": [round(median(_seconds(part)), 2) for part in _thirds(commits)],
        "upkeep": {name: sum(turn[name] for turn in kept) for name in kept[0] if name != "at"},
        "readings": len(soaked.turns["read"]),
        "clean to visible, s": _percentiles(soaked.freshness()),
        "lives of the stream": len(soaked.streams),
        "rows": soaked.counts(),
        "wrong": soaked.wrong(),
        "trends": [
            {**asdict(each), "flat": each.is_flat} for each in trends(soaked.samples.series)
        ],
        "series": dict(soaked.samples.series),
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=100)
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}


def _seconds(turns: Sequence[Mapping[str, Any]]) -> list[float]:
    return [turn["seconds"] for turn in turns] or [0.0]


def _thirds(turns: Sequence[Mapping[str, Any]]) -> list[Sequence[Mapping[str, Any]]]:
    third = len(turns) // 3
    return [turns[:third], turns[third : 2 * third], turns[2 * third :]]


def _told(found: Mapping[str, Any]) -> bool:
    """Say what was found; whether it is well."""
    for each in found["trends"]:
        verdict = "flat" if each["flat"] else "GREW"
        typer.echo(
            f"{each['what']:32} {each['before']:10.1f} {each['after']:10.1f} {each['unit']:9} "
            f"{verdict}"
        )
    for what in ("deliveries", "rows", "seconds a commit", "upkeep", "clean to visible, s", "load"):
        typer.echo(f"{what}: {found[what]}")
    typer.echo(f"wrong: {', '.join(found['wrong']) or 'nothing'}")
    well = all(each["flat"] for each in found["trends"])
    return well and not found["wrong"] and found["lives of the stream"] == 1


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.soak")
