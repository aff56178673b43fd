"""`python -m benchmarks.replication`: loads, changes and acceptance, beside peers from PyPI.

    python -m benchmarks.replication                     five minutes of an idle machine
    python -m benchmarks.replication --patience 60       where others work too: quiet moments of it
    python -m benchmarks.replication --rows 300000 --changes 90000 --rounds 1        one minute

In each round every side loads the same table of the same PostgreSQL to Parquet, one after the
other, each in a process of its own; then what psql takes for `COPY ... TO STDOUT` alone. Changes
are made and followed, then files are accepted into raw. Results join those of the day and machine.

The hazard: a side that moved other rows is no measurement. Rows and sums are compared with the
database after every load and every delivery.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.__main__ import results_of_today
from benchmarks.accepting import accept
from benchmarks.moving import Moving
from benchmarks.peers.environment import peers_python
from benchmarks.report import render
from benchmarks.transfers import Fidelity, Transfer
from demo.postgres import Postgres
from resources.environments import settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def replication(
    rows: Annotated[int, typer.Option(help="of the table that is loaded")] = 3_000_000,
    changes: Annotated[int, typer.Option(help="that are followed in a round")] = 1_200_000,
    rounds: Annotated[int, typer.Option(help="of each part")] = 3,
    patience: Annotated[float, typer.Option(help="seconds for a quiet moment, each time")] = 0.0,
    into: Annotated[Path | None, typer.Option(help="the results' JSON file")] = None,
) -> None:
    """Measure, and write the page again."""
    file, results = results_of_today(into, add=True)
    results.transfers.clear()
    results.fidelity.clear()
    for moved, judged in _measured(rows, changes, rounds, patience):
        results.transfers += moved
        results.fidelity += judged
        results.write(file)
        file.with_suffix(".md").write_text(render(results))
    typer.echo(f"see {file.with_suffix('.md')}")


def _measured(
    rows: int, changes: int, rounds: int, patience: float
) -> Iterator[tuple[list[Transfer], list[Fidelity]]]:
    """What was found, part by part."""
    bench = settings().home / "bench"
    bench.mkdir(parents=True, exist_ok=True)
    python = peers_python(bench)
    # As root, PostgreSQL runs as another user, who must be able to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="replication-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server")
    server.initialise()
    try:
        moving = Moving(server, server.start(), folder, python, typer.echo, patience)
        moving.make_tables(rows)
        yield [], moving.fidelity()
        for turn in range(1, rounds + 1):
            yield moving.loads(turn), []
            yield moving.changes(turn, changes), []
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for turn in range(1, rounds + 1):
        yield accept(bench / "accept", turn, typer.echo), []


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.replication")
