"""Where a command works: the home and the Dagster instance that `make install` wrote down.

`dagster dev` reads `.env` by itself; this command does the same, so that both look at one home.
What the caller has set already wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from resources.environments import export_variables, inherited_variables, settings
from resources.errors import Product360Error


def adopt_env_file(path: Path = Path(".env")) -> None:
    """Take over the variables of the file that are not set yet; no file is no error."""
    from dotenv import dotenv_values

    known = inherited_variables()
    found = dotenv_values(path) if path.is_file() else {}
    export_variables({name: value for name, value in found.items() if name not in known})


def adopt_instance() -> Path:
    """Make sure that DAGSTER_HOME is set, by default below the home; returns it."""
    folder = inherited_variables().get("DAGSTER_HOME") or str(settings().home / "dagster")
    export_variables({"DAGSTER_HOME": folder})
    return Path(folder)


@contextmanager
def explained() -> Iterator[None]:
    """An error of ours is one paragraph on standard error, and exit status 1."""
    try:
        yield
    except Product360Error as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
