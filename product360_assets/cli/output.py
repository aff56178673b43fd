"""Answers as text: a table for people, CSV and JSON for programs; errors as one paragraph.

The hazard is precision: a JSON number is read as a double, so a decimal that a double cannot hold
is written as text instead of as another number.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from resources.errors import Product360Error


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    csv = "csv"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How the answer is written.")]


def as_json(document: object) -> str:
    """JSON with dates in ISO 8601."""
    return json.dumps(document, indent=2, default=_plain, ensure_ascii=False)


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV with a header; null is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else _shown(value) for value in row] for row in rows)
    return text.getvalue().rstrip("\n")


def as_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None
) -> str:
    """A table for reading; numbers stand to the right, and nothing is cut off."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for position, column in enumerate(columns):
        numbers = all(_is_number(row[position]) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text("" if value is None else _shown(value)) for value in row))
    text = io.StringIO()
    # As wide as it needs to be: a terminal wraps a line, but nobody can bring back a cut one.
    Console(file=text, width=10_000, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").split("\n"))


def json_rows(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[dict[str, Any]]:
    """Rows as JSON objects; NaN and infinities, which JSON lacks, are null."""
    return [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in zip(columns, row, strict=True)
        }
        for row in rows
    ]


def write(text: str) -> None:
    """Write to standard output."""
    sys.stdout.write(f"{text}\n")


def answer(
    form: Format,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str | None = None,
) -> None:
    """Write rows in the form that was asked for; only people get the title."""
    if form is Format.json:
        write(as_json(json_rows(columns, rows)))
    elif form is Format.csv:
        write(as_csv(columns, rows))
    else:
        write(as_table(columns, rows, title=title))


def told(message: str) -> None:
    """Write a sentence to standard error, where no program reads it."""
    sys.stderr.write(f"{message}\n")


@contextmanager
def explained() -> Iterator[None]:
    """An error of ours is one paragraph on standard error, and exit status 1."""
    try:
        yield
    except Product360Error as error:
        told(str(error))
        sys.exit(1)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float | Decimal)
