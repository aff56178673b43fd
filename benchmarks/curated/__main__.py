"""`python -m benchmarks.curated`: what the curated zone costs, part by part.

    python -m benchmarks.curated commits      500 small publications, kept and not kept
    python -m benchmarks.curated modes        one day's changes, by rewriting files and by deletes
    python -m benchmarks.curated freshness    from an event file in landing to its rows
    python -m benchmarks.curated years        one day's changes on 1, 4 and 16 years of history

Each part joins the results of the day and machine, and the page is rendered again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.__main__ import RESULTS, commit_measured
from benchmarks.curated.page import render
from benchmarks.machine import load, this_machine
from resources.environments import settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
Into = Annotated[Path | None, typer.Option(help="the results' JSON file")]


@app.command()
def commits(
    count: Annotated[int, typer.Option(help="publications in each series")] = 500,
    every: Annotated[int, typer.Option(help="publications between two turns of upkeep")] = 25,
    into: Into = None,
) -> None:
    """Publish small batches again and again, with and without upkeep."""
    from benchmarks.curated.commits import commits as measured

    _keep("commits", list(measured(count, every, typer.echo)), into)


@app.command()
def modes(
    home: Annotated[
        Path | None, typer.Option(help="a finished demo's; this one by default")
    ] = None,
    days: Annotated[int, typer.Option(help="of changes, the last ones of the table")] = 7,
    into: Into = None,
) -> None:
    """Merge days of changes into a copy of the sales lines, in both of Iceberg's ways."""
    from benchmarks.curated.modes import modes as measured

    chosen = (home or settings().home).absolute()
    _keep("modes", list(measured(chosen, days, typer.echo)), into)


@app.command()
def freshness(
    files: Annotated[int, typer.Option(help="of one click each")] = 100,
    into: Into = None,
) -> None:
    """Land files while everything is at work, and see when their rows are there."""
    from benchmarks.curated.freshness import freshness as measured

    _keep("freshness", [measured(settings().home / "bench", files, typer.echo)], into)


@app.command()
def years(
    scale: Annotated[str, typer.Option(help="of the demo company")] = "smoke",
    rounds: Annotated[int, typer.Option(help="of the day, on each history")] = 2,
    into: Into = None,
) -> None:
    """Let one day come on top of one year of history, of four and of sixteen."""
    from benchmarks.curated.years import years as measured

    work = settings().home / "bench" / "years"
    _keep("years", list(measured(work.absolute(), scale, rounds, typer.echo)), into)


def _keep(part: str, found: Sequence[Mapping[str, Any]], into: Path | None) -> None:
    machine, now = this_machine(), datetime.now(UTC)
    file = into or RESULTS / f"{now:%Y-%m-%d}-{machine.short_name}-curated.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    results["machine"] = asdict(machine)
    results[part] = {
        "began": now.isoformat(timespec="minutes"),
        "commit": commit_measured(),
        "load": load()[0],
        "found": found,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    file.with_suffix(".md").write_text(render(results))
    typer.echo(f"see {file.with_suffix('.md')}")


@app.command()
def report(results: Path) -> None:
    """Render a results file again."""
    found: Mapping[str, Any] = json.loads(results.read_text())
    results.with_suffix(".md").write_text(render(found))


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.curated")
