"""What `make demo` tells: the company, the platform at work on it, and what came of it.

The hazard: a story that goes on after a failure tells lies. Whatever a run could not do is shown
where it happened, and the story then ends with exit status 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, cast

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from demo.company import Company, Started, running_company
from demo.progress import progress_lines
from demo.settings import DemoSettings

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import Console

    from product360_assets.automation.refresh import RefreshReport
    from resources.warehouse import WarehouseResource

# Asked as any reader would ask, of the view that readers meet first; each fits a terminal.
QUESTIONS: Final = {
    "What sells best this quarter, at what price, and how much more of it when promoted?": """
        SELECT left(coalesce(product_type, department), 25) AS product,
               revenue_91d AS revenue, shelf_price AS shelf, loyalty_price AS card,
               promotion_weeks_364d AS "weeks promoted",
               CAST(round(100 * promotion_uplift) AS int) AS "uplift, %"
        FROM product_360_outlook WHERE NOT is_fuel
        ORDER BY revenue_91d DESC, product_id LIMIT 5
    """,
    "Where do visitors of the web shop look most and put least in the cart?": """
        SELECT left(product_category, 26) AS category, sum(views_91d) AS views,
               sum(cart_additions_91d) AS carts, sum(online_purchases_91d) AS purchases,
               round(100 * sum(cart_additions_91d) / sum(views_91d), 1) AS "to cart, %"
        FROM product_360_outlook WHERE product_category IS NOT NULL
        GROUP BY ALL HAVING sum(views_91d) >= 50
        ORDER BY 5, views DESC, category LIMIT 5
    """,
    "What do we expect to sell the most in the coming four weeks, and how sure are we?": """
        SELECT left(coalesce(product_type, department), 25) AS product,
               units_28d AS "4 weeks", round(expected_units_28d, 1) AS "next 4",
               p10_week_1 AS low, p50_week_1 AS "next week", p90_week_1 AS high,
               round(item_wape, 2) AS "error"
        FROM product_360_outlook
        ORDER BY expected_units_28d DESC NULLS LAST, product_id LIMIT 5
    """,
}

_SYSTEMS: Final = {
    "catalog": "PostgreSQL",
    "pos": "PostgreSQL",
    "crm": "HTTP API",
    "marketing": "HTTP API",
    "pricing": "weekly files",
    "clickstream": "event files",
}


def tell(settings: DemoSettings, console: Console, *, leave_if_asked: Callable[[], None]) -> None:
    """Start the company, bring everything up to date, and show the result.

    Args:
        settings: which company, where.
        console: where to tell it.
        leave_if_asked: raises if somebody asked this process to end; see `ending_in_order`.

    Raises:
        Exit: with status 1, when a part of it failed.
    """
    console.print(f"[bold]Product 360[/bold]: a retailer at scale [bold]{settings.scale}[/bold]")
    began = time.monotonic()
    with ExitStack() as stack:
        with progress_lines(console) as lines:
            lines.begin("starting the company's systems")
            company = running_company(Company(settings.home), settings.scale)
            started = stack.enter_context(company)
        _show_company(started, console, seconds=time.monotonic() - began)
        report = _bring_up_to_date(settings, console, leave_if_asked)
    _show_zones(console)
    _show_accounts(settings, console)
    if report.succeeded:
        _show_answers(console)
    _show_places(settings, console)
    console.print(f"\n{time.monotonic() - began:.0f} s in all.")
    if not report.succeeded:
        console.print(
            "[red]A run failed: the lines above say why.[/red] When that is mended, `make demo` "
            "goes on where it stopped; `make dev` shows the whole story."
        )
        raise typer.Exit(1)


def _show_company(started: Started, console: Console, *, seconds: float) -> None:
    happened = "runs already" if started.borrowed else f"is up in {seconds:.1f} s"
    console.print(f"\n[bold]1. The company[/bold] {happened}")
    if started.recovered:
        console.print("   A run of it had been killed; what was left of that is cleared away.")
    table = _table("system", "is", "holds")
    for system, kind in _SYSTEMS.items():
        held = [
            f"{name.removeprefix(f'{system}.')} {rows:,}"
            for name, rows in started.state.rows.items()
            if name.startswith(f"{system}.")
        ]
        table.add_row(system, kind, ", ".join(held))
    console.print(table)


def _bring_up_to_date(
    settings: DemoSettings, console: Console, leave_if_asked: Callable[[], None]
) -> RefreshReport:
    console.print("\n[bold]2. The platform[/bold] asks, accepts, cleans, publishes, forecasts")
    with progress_lines(console) as lines:
        lines.begin("loading the graph")
        from product360_assets.automation.refresh import refresh

        def tell_line(line: str) -> None:
            lines.write(line)
            leave_if_asked()

        def rest_of_year() -> Collection[str]:
            lines.begin("the company's last weeks happen")
            advanced = Company(settings.home).advance()
            if advanced.new:
                changes = sum(count.rows for count in advanced.new)
                tell_line(
                    f"{advanced.weeks} weeks happen in the databases: {changes:,} changes, "
                    "in one transaction a week"
                )
            return {count.table.partition(".")[0] for count in advanced.new}

        with _instance(settings) as instance:
            report = refresh(instance, tell_line, lines.watch, rest_of_year)
    if report.found_nothing_new:
        console.print("\n   Nothing was new: no batch was accepted, and no table has changed.")
    finished = [done for run in report.runs for done in run.finished]
    if warned := sum(done.checks - done.checks_passed for done in finished):
        # A check that stops what follows has failed its run, which is told where it happened.
        warn = "check warns" if warned == 1 else "checks warn"
        console.print(f"\n   {warned} {warn} of what to know about this data; `make dev` shows it.")
    return report


@contextmanager
def _instance(settings: DemoSettings) -> Iterator[dg.DagsterInstance]:
    """The instance whose runs `make dev` shows."""
    import dagster as dg

    from resources.environments import export_variables

    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    # `dagster.yaml` names its folder by this variable.
    export_variables({"DAGSTER_HOME": str(settings.dagster_home)})
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def _show_zones(console: Console) -> None:
    from demo.zones import holdings
    from resources.environments import platform_resources

    console.print("\n[bold]3. What is where now[/bold]")
    numbers = ("rows", "quarantined")
    table = _table("zone", "what", "made of", *numbers, right=numbers)
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


def _show_accounts(settings: DemoSettings, console: Console) -> None:
    from demo.accounting import accounts
    from demo.manifest import read_manifest
    from resources.environments import platform_resources

    company = Company(settings.home).files.folder
    console.print(
        Padding("\nWhat its databases held, then changed, by the company's own count", (0, 0, 0, 3))
    )
    numbers = ("inserted", "corrected", "deleted", "raw rows", "clean rows")
    table = _table("landing date", *numbers, "agree", right=numbers)
    for each in accounts(read_manifest(company), platform_resources()):
        counted = (each.inserts, each.updates, each.deletes, each.raw, each.clean)
        agrees = "yes" if each.agrees else "[red]no[/red]"
        table.add_row(f"{each.landing_date}", *(f"{rows:,}" for rows in counted), agrees)
    console.print(table)


def _show_answers(console: Console) -> None:
    from resources.environments import platform_resources

    warehouse = cast("WarehouseResource", platform_resources()["warehouse"])
    console.print("\n[bold]4. Three questions to it[/bold]")
    for question, sql in QUESTIONS.items():
        answer = warehouse.query(sql)
        table = _table(*answer.columns, right=answer.columns[1:])
        for row in answer.rows:
            table.add_row(*("" if value is None else escape(str(value)) for value in row))
        console.print()
        console.print(Padding(question, (0, 0, 0, 3)))
        console.print(table)


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
    table = Table(box=None, padding=(0, 1, 0, 1), header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table
