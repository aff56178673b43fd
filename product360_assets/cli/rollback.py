"""`product360 rollback`: readers see a table as it was before.

The hazard is the default: without `--apply` nothing is changed.
"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, told

if TYPE_CHECKING:
    from resources.catalog import CatalogResource
    from resources.ledger import LedgerResource


def rollback(
    table: Annotated[str, typer.Argument(help="With its zone, or without.")],
    to: Annotated[str, typer.Option("--to", help="A tag, or the id of a snapshot.")],
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Do it, or only print what would be done.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Let a table go back to a tag or snapshot, and list the batches that this undoes.

    They are pending again: the next publication takes them in anew.
    """
    from product360_assets.cli.published import identifiers_of
    from product360_assets.governance import rollback as going_back
    from resources.environments import platform_resources

    with explained():
        resources = platform_resources()
        catalog = cast("CatalogResource", resources["catalog"])
        ledger = cast("LedgerResource", resources["ledger"]).open()
        [identifier] = identifiers_of([table], catalog.identifiers())
        if apply:
            work = f"product360 rollback by {getpass.getuser()}"
            found = going_back.apply(catalog, ledger, identifier, to, work=work, log=told)
        else:
            found = going_back.plan(catalog, ledger, identifier, to)
        answer(form, going_back.UNDONE_COLUMNS, found.rows)
    told(
        f"{found.table}: snapshot {found.left} with {found.rows_now:,} rows → {found.to} with "
        f"{found.rows_then:,}; {len(found.undone)} batches are pending after it."
    )
    if not apply:
        told("Nothing was done. The same command with --apply does it.")
