"""`product360 quarantine`: what was rejected, row by row, and how corrected rows get back.

    product360 quarantine list
    product360 quarantine show BATCH --format csv > fix.csv
    $EDITOR fix.csv
    product360 quarantine release --from fix.csv --why "the till sent commas"

The file is the interface: whoever corrects rows changes cells and leaves the rest as it is. The
hazard is a file that lost something on its way through an editor. So rows are found by their id,
and cells that were not touched are taken from quarantine, not from the file.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, told

SHOWN_IN_A_TABLE = 20

app = typer.Typer(
    help="See what was rejected, correct it, and release it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

SourceOption = Annotated[str | None, typer.Option("--source", help="One source system.")]
TableOption = Annotated[str | None, typer.Option("--table", help="One table of the source.")]
DayOption = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="First landing date.")
]


@app.command("list")
def list_held(
    source: SourceOption = None,
    table: TableOption = None,
    since: DayOption = None,
    rule: Annotated[str | None, typer.Option("--rule", help="One rule.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Show how many rows are held, by batch and rule, and how long they have been waiting.

    Exit status 1 when rows are waiting.
    """
    from product360_assets.cli.held import HELD_COLUMNS, held_lines

    with explained():
        first = since.date() if since else None
        lines = held_lines(source=source, table=table, since=first, rule=rule)
    answer(form, HELD_COLUMNS, [line.row for line in lines])
    if any(line.held.waiting for line in lines):
        raise typer.Exit(1)


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="BATCH|ID", help="A batch, or one row's id.")],
    limit: Annotated[int | None, typer.Option(min=1, help="So many rows at most.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Show rejected rows with their reason, under the names that the source has for its columns."""
    from product360_assets.cli.held import rejected_table

    with explained():
        columns, rows = rejected_table(which)
    if limit is None and form is Format.table:
        limit = SHOWN_IN_A_TABLE
    answer(form, columns, rows[:limit])
    if limit is not None and len(rows) > limit:
        told(f"Not shown: {len(rows) - limit}. `--limit {len(rows)}` shows all.")


@app.command()
def release(
    file: Annotated[
        Path,
        typer.Option(
            "--from",
            exists=True,
            dir_okay=False,
            help="Corrected rows, as `show --format csv` wrote them.",
        ),
    ],
    why: Annotated[str, typer.Option("--why", help="Why they are right now; kept for ever.")],
    by: Annotated[
        str | None, typer.Option("--by", help="Who released them; by default this user.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Release rows whose cells were changed: they are delivered again, in their old place.

    Exit status 1 when no row was changed.
    """
    from product360_assets.cli.held import RELEASED_COLUMNS, release_file, release_rows

    if not why.strip():
        raise typer.BadParameter("say why, in a few words", param_hint="--why")
    with explained():
        releases = release_file(file, by=by, why=why.strip())
    answer(form, RELEASED_COLUMNS, release_rows(releases))
    if not releases:
        told("No row was released: none was changed, or all were released before.")
        raise typer.Exit(1)
    told("They are accepted and judged again with the next run of their system's accepting job.")
