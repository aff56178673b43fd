"""`product360 rebuild --verify`: clean and curated again from raw, beside the live ones.

The hazard is room on the disk: clean and curated are there twice until it ends. Raw is not copied.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Annotated

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, told


def rebuild(
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare, and leave what is live as it is.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep what was rebuilt, also where all is equal.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Make clean and curated again from raw, beside the live ones, and compare every table's rows.

    Exit status 1 when a table differs; what was rebuilt is kept then. Run it while nothing is
    pending: what the live tables have not taken in yet counts as a difference.
    """
    if not verify:
        raise typer.BadParameter("only --verify is there", param_hint="--verify")
    with explained():
        import dagster as dg

        from product360_assets.automation import rebuild as again
        from resources.environments import export_variables, settings
        from resources.errors import MaintenanceRefused
        from resources.local.beside import home_beside

        chosen = settings()
        if chosen.environment != "local":
            raise MaintenanceRefused(
                "rebuild",
                found=f"PRODUCT360_ENV={chosen.environment}",
                expected="local: a second set of buckets and tables is not made by a command",
                next_move="set up a second environment, and compare it with this one",
            )
        live = again.digests()
        beside = chosen.home / "rebuilt" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        home_beside(chosen.home, beside, kept_states=again.GIVEN, kept_folders=again.GIVEN_FOLDERS)
        (beside / "dagster").mkdir()
        if (how := chosen.home / "dagster" / "dagster.yaml").exists():
            shutil.copy(how, beside / "dagster")
        export_variables({"PRODUCT360_HOME": str(beside), "DAGSTER_HOME": str(beside / "dagster")})
        with dg.DagsterInstance.get() as instance:
            again.make_again(instance, told)
        compared = again.compare(live, again.digests())
        answer(form, again.COMPARED_COLUMNS, [each.row for each in compared])
    different = [each.table for each in compared if each.live != each.rebuilt]
    if keep or different:
        told(f"What was rebuilt is in {beside}.")
    else:
        shutil.rmtree(beside)
    told(f"{len(compared) - len(different)} of {len(compared)} tables are equal.")
    if different:
        raise typer.Exit(1)
