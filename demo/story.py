"""What `make demo` tells: the company, the platform at work on it, and what came of it.

The hazard: a story that goes on after a failure tells lies. Whatever a run could not do is shown
where it happened, and the story then ends with exit status 1.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from demo.company import Company, Started, running_company
from demo.settings import DemoSettings

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import Console

    from resources.warehouse import WarehouseResource

ANSWER_ROWS: Final = 5

_SYSTEMS: Final = {
    "catalog": "PostgreSQL",
    "pos": "PostgreSQL",
    "crm": "HTTP API",
    "marketing": "HTTP API",
    "pricing": "weekly files",
    "clickstream": "event files",
}


def tell(settings: DemoSettings, console: Console) -> None:
    """Start the company, bring everything up to date, and show the result.

    Raises:
        Exit: with status 1, when a part of it failed.
    """
    console.print(f"[bold]Product 360[/bold]: a retailer at scale [bold]{settings.scale}[/bold]")
    began = time.monotonic()
    with running_company(Company(settings.home), settings.scale) as started:
        _show_company(started, console, seconds=time.monotonic() - began)
        succeeded = _bring_up_to_date(settings, console)
    _show_zones(console)
    if succeeded:
        _show_answers(console)
    _show_places(settings, console)
    console.print(f"\n{time.monotonic() - began:.0f} s in all.")
    if not succeeded:
        console.print("[red]A run failed: see above, and `make dev` for the whole story.[/red]")
        raise typer.Exit(1)


def _show_company(started: Started, console: Console, *, seconds: float) -> None:
    happened = "runs already" if started.borrowed else f"is up in {seconds:.1f} s"
    console.print(f"\n[bold]1. The company[/bold] {happened}")
    table = _table("system", "is", "holds")
    for system, kind in _SYSTEMS.items():
        held = [
            f"{name.removeprefix(f'{system}.')} {rows:,}"
            for name, rows in started.state.rows.items()
            if name.startswith(f"{system}.")
        ]
        table.add_row(system, kind, ", ".join(held))
    console.print(table)


def _bring_up_to_date(settings: DemoSettings, console: Console) -> bool:
    console.print("\n[bold]2. The platform[/bold] asks, accepts, cleans, publishes, forecasts")
    with console.status("loading the graph"):
        from product360_assets.automation.refresh import refresh
    with _instance(settings) as instance:
        report = refresh(instance, lambda line: console.print(Padding(escape(line), (0, 0, 0, 3))))
    return report.succeeded


@contextmanager
def _instance(settings: DemoSettings) -> Iterator[dg.DagsterInstance]:
    """The instance whose runs `make dev` shows."""
    import dagster as dg

    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def _show_zones(console: Console) -> None:
    from demo.zones import holdings
    from resources.environments import platform_resources

    console.print("\n[bold]3. What is where now[/bold]")
    table = _table("zone", "what", "made of", "rows", "quarantined", right=("rows", "quarantined"))
    zone = ""
    for held in holdings(platform_resources()):
        table.add_row(
            held.zone if held.zone != zone else "",
            held.name,
            held.parts,
            "" if held.rows is None else f"{held.rows:,}",
            f"{held.quarantined:,}" if held.quarantined else "",
        )
        zone = held.zone
    console.print(table)


def _show_answers(console: Console) -> None:
    from product360_assets.serving.questions import QUESTIONS
    from resources.environments import platform_resources

    warehouse = cast("WarehouseResource", platform_resources()["warehouse"])
    console.print("\n[bold]4. Three questions to it[/bold]")
    for question in QUESTIONS[:3]:
        answer = warehouse.query(question.sql)
        table = _table(*answer.columns)
        for record in answer.records()[:ANSWER_ROWS]:
            table.add_row(*(_shown(record[column]) for column in answer.columns))
        console.print(f"\n   {escape(question.text)}")
        console.print(table)
        if (more := len(answer.rows) - ANSWER_ROWS) > 0:
            console.print(f"     and {more} more rows")


def _show_places(settings: DemoSettings, console: Console) -> None:
    places: Mapping[str, str] = {
        str(settings.home / "lake"): "the zones, as folders of objects",
        "product360 query 'SELECT …'": "any question to the published tables",
        "product360 status": "this summary, at any time",
        "make dev": "the same runs and the whole lineage in the Dagster UI",
    }
    console.print("\n[bold]5. Where to go from here[/bold]")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 3))
    for place, what in places.items():
        table.add_row(place, what)
    console.print(table)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 3), header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _shown(value: object) -> str:
    return "" if value is None else escape(str(value))
