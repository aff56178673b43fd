"""How every command answers: rows in the format that was asked for, errors as one paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from product360_assets.cli.output import Format, as_csv, as_json, as_table, json_rows, write
from resources.errors import Product360Error

FormatOption = Annotated[Format, typer.Option("--format", help="How the answer is written.")]


def answer(form: Format, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows to standard output."""
    if form is Format.json:
        write(as_json(json_rows(columns, rows)))
    elif form is Format.csv:
        write(as_csv(columns, rows))
    else:
        write(as_table(columns, rows))


def told(message: str) -> None:
    """Write a sentence to standard error, where no program reads it."""
    typer.echo(message, err=True)


@contextmanager
def explained() -> Iterator[None]:
    """An error of ours is one paragraph on standard error, and exit status 1."""
    try:
        yield
    except Product360Error as error:
        told(str(error))
        raise typer.Exit(1) from error
