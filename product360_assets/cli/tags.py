"""`product360 tag`: a name for what all published tables hold now.

The hazard is a publication in between: tables are tagged one after another, and each under its
lock, so that none is tagged in the middle of a commit of ours; tag when nothing is running.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, told

if TYPE_CHECKING:
    from resources.catalog import CatalogResource
    from resources.ledger import LedgerResource

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


def tag(
    name: Annotated[str, typer.Argument(help="Such as release-2026.11.")],
    form: FormatOption = Format.table,
) -> None:
    """Tag what every published table holds now; upkeep keeps it, `query --as-of` reads it.

    A tag that is there is never moved: exit status 1.
    """
    from product360_assets.governance.tagging import TAGGED_COLUMNS, tag_tables
    from resources.environments import platform_resources

    if not _NAME.fullmatch(name) or name == "main":
        raise typer.BadParameter("a letter, then letters, digits and . _ -", param_hint="NAME")
    with explained():
        resources = platform_resources()
        ledger = cast("LedgerResource", resources["ledger"]).open()
        tagged = tag_tables(cast("CatalogResource", resources["catalog"]), ledger, name, told)
        answer(form, TAGGED_COLUMNS, tagged)


def moment_or_tag(text: str) -> datetime | str:
    """A time in ISO 8601, in UTC unless it says otherwise; anything else is a tag."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
