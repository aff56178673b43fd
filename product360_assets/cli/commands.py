"""The commands. Those that stand here read; what changes anything is a group of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli import (
    doctor,
    erase,
    maintain,
    pseudonyms,
    quarantine,
    rebuild,
    replay,
    rollback,
    tags,
)
from product360_assets.cli.catalog import catalog
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
from product360_assets.cli.registry import registry
from product360_assets.cli.sources import source
from product360_assets.cli.streams import stream

if TYPE_CHECKING:
    from product360_assets.cli.status import RunStatus
    from resources.catalog import CatalogResource
    from resources.ledger import LedgerResource
    from resources.warehouse import WarehouseResource

app = typer.Typer(
    help="Ask the Product 360 platform what it holds.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(pseudonyms.keys, name="keys")
app.command()(pseudonyms.reveal)

app.add_typer(catalog)
app.add_typer(registry)
app.add_typer(source)
app.add_typer(stream)

app.add_typer(quarantine.app, name="quarantine")
app.command("replay")(replay.replay)
app.command("doctor")(doctor.doctor)
app.command("erase")(erase.erase)
app.command("maintain")(maintain.maintain)
app.command("tag")(tags.tag)
app.command("rollback")(rollback.rollback)
app.command("rebuild")(rebuild.rebuild)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT, DESCRIBE, SHOW or EXPLAIN; - for stdin.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="A tag, or a time: every table as it was then.")
    ] = None,
    form: FormatOption = Format.table,
    unpublished: Annotated[
        list[str] | None,
        typer.Option(
            help="Read what an audit keeps from being published of this table: zone.name."
        ),
    ] = None,
) -> None:
    """Ask the published tables one question in SQL. Curated names need no zone."""
    from product360_assets.cli.tags import moment_or_tag
    from resources.audit_branches import unpublished_snapshot
    from resources.environments import platform_resources

    with explained():
        resources = platform_resources()
        catalog = cast("CatalogResource", resources["catalog"])
        at = {table: unpublished_snapshot(catalog, table) for table in unpublished or ()}
        state = None if as_of is None else moment_or_tag(as_of)
        warehouse = cast("WarehouseResource", resources["warehouse"])
        found = warehouse.query(_text(sql), as_of=state, at=at)
    answer(form, found.columns, found.rows)
    if form is Format.table:
        write(f"{len(found.rows)} row{'' if len(found.rows) == 1 else 's'}")


@app.command()
def status(form: FormatOption = Format.table) -> None:
    """Show zones, rows, batches, quarantine, snapshots and the last runs.

    Exit status 1 when the newest run of a job failed. CSV has the tables only.
    """
    from product360_assets.cli.status import (
        RunStatus,
        TableStatus,
        columns_of,
        is_well,
        rows_of,
        table_statuses,
    )
    from resources.environments import platform_resources

    with explained():
        resources = platform_resources()
        ledger = cast("LedgerResource", resources["ledger"]).open()
        tables = table_statuses(ledger, cast("CatalogResource", resources["catalog"]))
        runs = _last_runs()
    table_columns, run_columns = columns_of(TableStatus), columns_of(RunStatus)
    if form is Format.json:
        document = {
            "tables": json_rows(table_columns, rows_of(tables)),
            "runs": json_rows(run_columns, rows_of(runs)),
        }
        write(as_json(document))
    elif form is Format.csv:
        write(as_csv(table_columns, rows_of(tables)))
    else:
        write(as_table(table_columns, rows_of(tables), title="Tables"))
        write(as_table(run_columns, rows_of(runs), title="Last runs"))
    if not is_well(runs):
        raise typer.Exit(1)


def _last_runs() -> list[RunStatus]:
    """The last runs of the instance; none where Dagster never ran."""
    import dagster as dg

    from product360_assets.cli.status import run_statuses
    from product360_assets.cli.surroundings import adopt_instance

    if not adopt_instance().is_dir():
        return []
    with dg.DagsterInstance.get() as instance:
        return run_statuses(instance)


def _text(argument: str) -> str:
    return typer.get_text_stream("stdin").read() if argument == "-" else argument
