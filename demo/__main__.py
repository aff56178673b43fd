"""The demo company's command: `python -m demo` tells the whole story, the rest runs parts of it.

Exit status: 0 well, 1 found or failed, 2 wrong usage; `run` exits as its command did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from demo.command import ending_in_order, run_command
from demo.company import Company, running_company
from demo.settings import demo_settings
from resources.errors import Product360Error, SettingInvalid

app = typer.Typer(
    help="The demo company: a small retailer's real systems on this machine.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def story(context: typer.Context) -> None:
    """Start the company, bring everything it has through the platform, and show the result."""
    if context.invoked_subcommand is None:
        from demo.story import tell

        with _explained() as leave_if_asked:
            tell(demo_settings(), Console(), leave_if_asked=leave_if_asked)


@app.command()
def up() -> None:
    """Start the company and leave it running."""
    with _explained():
        settings = demo_settings()
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
        settings = demo_settings()
        company = Company(settings.home)
        with running_company(company, settings.scale) as started:
            exit_status = run_command(
                command,
                started=lambda process: (
                    None if started.borrowed else company.remember("command", process)
                ),
            )
    raise typer.Exit(exit_status)


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
        Console(stderr=True).print(f"[red]{type(error).__name__}[/red]: {error}", highlight=False)
        raise typer.Exit(2 if isinstance(error, SettingInvalid) else 1) from error


if __name__ == "__main__":
    app(prog_name="python -m demo")
