"""`python -m benchmarks`: measure, write the results after every run, and render them.

    make bench                                        what fits into twenty minutes, full scale too
    make bench BENCH_OPTIONS="--scales smoke"         one scale
    make bench BENCH_OPTIONS="--scales full --engines spark --rounds 1 --no-demo --add"
                                                      one more part, into the results of the day
    python -m benchmarks report RESULTS.json          render again; measures nothing

Exit status: 0 well, 1 a run failed or the sides disagree, 2 wrong usage.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.bench import SCRIPT_MODULES, Bench, Plan
from benchmarks.homes import REPOSITORY
from benchmarks.machine import this_machine
from benchmarks.report import render
from benchmarks.results import Results, read_results
from resources.environments import settings

RESULTS = Path(__file__).parent / "results"
SCALES = ("smoke", "demo", "full")
# What fits into twenty minutes of two idle cores. More is asked for by name: five pairs at full
# scale take an hour, and Apache Spark takes minutes for each run there.
ROUNDS = {"smoke": 2, "demo": 2, "full": 1}
ENGINES = {"smoke": ("sail", "spark"), "demo": ("sail",), "full": ("sail",)}
SCRIPT_NAMES = {name.partition(" ")[0]: name for name in SCRIPT_MODULES}
ALL_SCRIPTS = ",".join(SCRIPT_NAMES)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    scales: Annotated[str, typer.Option(help="some of smoke,demo,full")] = ",".join(SCALES),
    engines: Annotated[str, typer.Option(help="some of sail,spark; by scale if not given")] = "",
    scripts: Annotated[str, typer.Option(help="some of duckdb,polars,pyspark")] = ALL_SCRIPTS,
    rounds: Annotated[int | None, typer.Option(help="of the comparison; 0 for none")] = None,
    demo: Annotated[bool, typer.Option(help="run `make demo` as a newcomer does")] = True,
    minutes: Annotated[float, typer.Option(help="after so many no further run begins")] = 18.0,
    add: Annotated[bool, typer.Option(help="to the results of this day and machine")] = False,
    into: Annotated[Path | None, typer.Option(help="the results' JSON file")] = None,
) -> None:
    """Measure what the options say."""
    if context.invoked_subcommand is not None:
        return
    chosen = _known("--scales", scales, SCALES)
    given = _known("--engines", engines, ("sail", "spark"))
    plan = Plan(
        scales=chosen,
        engines={scale: given or ENGINES[scale] for scale in chosen},
        rounds={scale: ROUNDS[scale] if rounds is None else rounds for scale in chosen},
        scripts=[SCRIPT_NAMES[name] for name in _known("--scripts", scripts, tuple(SCRIPT_NAMES))],
        demo=demo,
        minutes=minutes,
    )
    file, results = results_of_today(into, add=add)

    def keep() -> None:
        results.write(file)
        file.with_suffix(".md").write_text(render(results))

    work = Bench(plan, settings().home / "bench", results, keep, typer.echo)
    began = time.monotonic()
    work.run()
    typer.echo(f"{(time.monotonic() - began) / 60:.1f} minutes; see {file.with_suffix('.md')}")
    if results.failed:
        raise typer.Exit(1)


@app.command()
def report(results: Path) -> None:
    """Render a results file again."""
    results.with_suffix(".md").write_text(render(read_results(results)))


def results_of_today(into: Path | None, *, add: bool) -> tuple[Path, Results]:
    """The results' file and what is in it; nothing yet, unless more is to be added."""
    machine, now = this_machine(), datetime.now(UTC)
    file = into or RESULTS / f"{now:%Y-%m-%d}-{machine.short_name}.json"
    if add and file.exists():
        return file, read_results(file)
    return file, Results(machine, commit_measured(), now.isoformat(timespec="minutes"))


def commit_measured() -> str:
    """What is measured: the commit, and whether files differ from it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"


def _known(option: str, given: str, possible: Sequence[str]) -> list[str]:
    """The words of an option, in the order in which they are possible."""
    words = [word.strip() for word in given.split(",") if word.strip()]
    if unknown := [word for word in words if word not in possible]:
        raise typer.BadParameter(f"{option}: found {unknown[0]}, expected {', '.join(possible)}")
    return [word for word in possible if word in words]


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
