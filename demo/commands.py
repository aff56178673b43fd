"""The demo company's commands: none tells the whole story, each of the others runs a part of it.

Exit status: 0 well, 1 found or failed, 2 wrong usage; `run` and `dev` exit as their command did.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from demo.command import ending_in_order, run_command
from demo.company import Company, running_company
from demo.postgres import HOST
from demo.preflight import expect_free_port, expect_ready
from demo.settings import demo_settings
from resources.errors import Product360Error, SettingInvalid
from resources.storage import refusal_in

app = typer.Typer(
    help="The demo company: a small retailer's real systems on this machine.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def story(context: typer.Context) -> None:
    """Start the company, bring everything it has through the platform, and show the result."""
    if context.invoked_subcommand is None:
        from demo.progress import own_console
        from demo.story import tell

        with _explained() as leave_if_asked:
            settings = demo_settings()
            expect_ready(settings)
            tell(settings, own_console(), leave_if_asked=leave_if_asked)


@app.command()
def up() -> None:
    """Start the company and leave it running."""
    with _explained():
        settings = demo_settings()
        expect_ready(settings)
        started = Company(settings.home).start(settings.scale, owned=False)
        typer.echo("It runs already." if started.borrowed else "The demo company is up.")
        _show_addresses(started.state.ports)


@app.command()
def down() -> None:
    """Stop the company, whoever started it; its data stays."""
    with _explained():
        was_up = Company(demo_settings().home).stop()
        typer.echo("The demo company is down." if was_up else "The demo company was not up.")


@app.command()
def advance(
    weeks: Annotated[int, typer.Argument(min=1, help="How many.")] = 1,
    rest_of_year: Annotated[
        bool, typer.Option("--rest-of-year", help="All weeks that are left, as make demo does.")
    ] = False,
) -> None:
    """Let the next week happen in the databases; after the year, the next day."""
    with _explained():
        advanced = Company(demo_settings().home).advance(None if rest_of_year else weeks)
        for count in advanced.new:
            typer.echo(
                f"{count.landing_date} {count.table}: {count.inserts:,} inserted, "
                f"{count.updates:,} corrected, {count.deletes:,} deleted"
            )
        if not advanced.new:
            typer.echo("The year is over already: nothing has happened.")


@app.command()
def status() -> None:
    """Say whether the company runs; exit status 1 when it does not."""
    with _explained():
        company = Company(demo_settings().home)
        state = company.files.read()
        if state is None or not company.is_running(state):
            typer.echo("The demo company is down.")
            raise typer.Exit(1)
        typer.echo(f"The demo company is up, at scale {state.scale}.")
        _show_addresses(state.ports)
        for table, rows in state.rows.items():
            typer.echo(f"  {table}: {rows:,} rows")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(command: Annotated[list[str], typer.Argument(metavar="-- CMD…")]) -> None:
    """Run a command while the company is up, and stop the company after it."""
    with _explained():
        exit_status = _run_beside_company(command)
    raise typer.Exit(exit_status)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dev(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", "-p", help="Where the UI listens.")] = 3000,
    host: Annotated[str, typer.Option("--host", "-h", help="On which address.")] = HOST,
) -> None:
    """Open the Dagster UI while the company is up; other options are those of `dagster dev`."""
    with _explained():
        # Asked before anything starts. Dagster would take another port where none was named, and
        # end with a traceback where one was.
        expect_free_port(host, port)
        dagster = str(Path(sys.executable).with_name("dagster"))
        where = ["-w", "workspace.yaml", "-h", host, "-p", str(port)]
        exit_status = _run_beside_company(
            [dagster, "dev", *where, *context.args], first=_prepare_for_daemon
        )
    raise typer.Exit(exit_status)


def _run_beside_company(
    command: Sequence[str], *, first: Callable[[Path], None] = lambda _home: None
) -> int:
    """Run a command with the company up, and return its exit status; `first` is told the home."""
    settings = demo_settings()
    expect_ready(settings)
    company = Company(settings.home)
    with running_company(company, settings.scale) as started:
        first(settings.home)
        return run_command(
            command,
            started=lambda process: (
                None if started.borrowed else company.remember("command", process)
            ),
        )


def _prepare_for_daemon(home: Path) -> None:
    """Bring the contracts of the working copy into force, and expect no other daemon."""
    from product360_assets.automation.refresh import publish_contracts
    from resources.local.daemon import expect_no_daemon

    # What a killed daemon's company left running has been ended by now.
    expect_no_daemon(home)
    publish_contracts(typer.echo)


def _show_addresses(ports: Mapping[str, int]) -> None:
    for name, port in ports.items():
        typer.echo(f"  {name}: 127.0.0.1:{port}")


@contextmanager
def _explained() -> Iterator[Callable[[], None]]:
    """Show the platform's errors as sentences, and let signals end things in order."""
    try:
        with ending_in_order() as leave_if_asked:
            yield leave_if_asked
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Product360Error as error:
        raise _shown(error) from error
    except Exception as error:
        # Dagster and the servers write to the same disk, and say it in errors of their own.
        refused = refusal_in(error, demo_settings().home)
        if refused is None:
            raise
        raise _shown(refused) from error


def _shown(error: Product360Error) -> typer.Exit:
    """Write the error down, and return the exit that it means."""
    Console(stderr=True).print(
        f"[red]{type(error).__name__}[/red]: {escape(str(error))}", highlight=False
    )
    return typer.Exit(2 if isinstance(error, SettingInvalid) else 1)
