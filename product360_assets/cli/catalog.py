"""`product360 catalog`: what the catalog holds, entry by entry, in both environments alike."""

from __future__ import annotations

from typing import Annotated

import typer

from product360_assets.cli.output import (
    Format,
    FormatOption,
    answer,
    as_csv,
    as_json,
    as_table,
    explained,
    json_rows,
    write,
)

catalog = typer.Typer(name="catalog", help="Show what the catalog says of tables, views and files.")


@catalog.callback(invoke_without_command=True)
def listed(context: typer.Context, form: FormatOption = Format.table) -> None:
    """List every entry: published tables, views, and the files of raw, clean and quarantine."""
    if context.invoked_subcommand:
        return
    from product360_assets.cli.catalogued import LINE_COLUMNS, Catalogue

    with explained():
        lines = [line.row for line in Catalogue.here().lines()]
    answer(form, LINE_COLUMNS, lines)


@catalog.command()
def show(
    entry: Annotated[str, typer.Argument(help="Its name, with its zone or, if single, without.")],
    form: FormatOption = Format.table,
) -> None:
    """Show one entry: columns, what it is partitioned by, parameters, newest partitions.

    CSV has the columns only.
    """
    from product360_assets.cli.catalogued import COLUMN_COLUMNS, PARTITION_COLUMNS, Catalogue

    with explained():
        found = Catalogue.here().details(entry)
    if form is Format.json:
        document = {
            **dict(found.facts),
            "columns": json_rows(COLUMN_COLUMNS, found.columns),
            "parameters": dict(found.parameters),
            "newest partitions": json_rows(PARTITION_COLUMNS, found.partitions),
            **({"query": found.query} if found.query else {}),
        }
        write(as_json(document))
        return
    if form is Format.csv:
        write(as_csv(COLUMN_COLUMNS, found.columns))
        return
    write(as_table(("fact", "value"), found.facts, title=found.identifier))
    write(as_table(COLUMN_COLUMNS, found.columns, title="Columns"))
    if found.parameters:
        write(as_table(("parameter", "value"), found.parameters, title="Parameters"))
    if found.query:
        write(f"\nQuery\n\n{found.query}\n")
    if found.partitions:
        write(as_table(PARTITION_COLUMNS, found.partitions, title="Newest partitions"))
