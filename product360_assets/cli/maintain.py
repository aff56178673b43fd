"""`product360 maintain`: what upkeep of the published tables there is to do, and doing it.

The hazard is the default: without `--apply` nothing is changed, whatever else is asked.
"""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, told

if TYPE_CHECKING:
    from product360_assets.governance.upkeep import Keeper
    from resources.catalog import CatalogResource
    from resources.ledger import LedgerResource
    from resources.maintenance import MaintenanceResource
    from resources.objects import LakeResource

Hours = Annotated[float | None, typer.Option(min=0, show_default="as configured")]


def maintain(
    tables: Annotated[list[str] | None, typer.Argument(help="Tables; all by default.")] = None,
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Do it, or only print what would be done.")
    ] = False,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", help="compaction, manifests, snapshots or orphans; repeatable."),
    ] = None,
    orphan_hours: Hours = None,
    snapshot_hours: Hours = None,
    form: FormatOption = Format.table,
) -> None:
    """Compact small files, merge manifests, expire snapshots and remove orphans.

    No row changes: rewritten rows and named files are compared, and expiry counts what stays. A
    window below the longest write or read is refused.
    """
    with explained():
        from product360_assets.cli.published import identifiers_of
        from product360_assets.governance.upkeep import ACTIONS, LEFT, STEP_COLUMNS

        chosen = _known_actions(action or list(ACTIONS), list(ACTIONS))
        keeper = _keeper(orphan_hours, snapshot_hours)
        named = identifiers_of(tables or [], keeper.catalog.identifiers())
        work = f"product360 maintain by {getpass.getuser()}"
        found = keeper.apply(named, chosen, work=work) if apply else keeper.plan(named, chosen)
        steps = list(found)
        answer(form, STEP_COLUMNS, [step.row for step in steps])
    if not steps:
        told(f"{len(named)} tables, and nothing to do.")
    elif not apply:
        told("Nothing was done. The same command with --apply does it.")
    if any(step.outcome == LEFT for step in steps):
        sys.exit(1)


def _known_actions(asked: list[str], known: list[str]) -> list[str]:
    for each in asked:
        if each not in known:
            raise typer.BadParameter(f"{each} is none of {', '.join(known)}", param_hint="--action")
    return [each for each in known if each in asked]


def _keeper(orphan_hours: float | None, snapshot_hours: float | None) -> Keeper:
    from product360_assets.governance.upkeep import Keeper, Windows
    from resources.environments import platform_resources

    resources = platform_resources()

    def span(hours: float | None) -> timedelta | None:
        return None if hours is None else timedelta(hours=hours)

    return Keeper(
        cast("LedgerResource", resources["ledger"]).open(),
        cast("CatalogResource", resources["catalog"]),
        cast("LakeResource", resources["lake"]),
        cast("MaintenanceResource", resources["maintenance"]),
        told,
        datetime.now(UTC),
        Windows(span(orphan_hours), span(snapshot_hours)),
    )
