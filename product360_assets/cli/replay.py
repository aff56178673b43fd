"""`product360 replay`: what was delivered on some days is made clean and published again, from raw.

The hazard is a longer day than meant: a dry run prints exactly the batches that the same command
without it makes again, and the tables that take them in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, told


def replay(
    source: Annotated[str, typer.Option("--source", help="The source system.")],
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First landing date.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last landing date.")
    ],
    table: Annotated[
        str | None, typer.Option("--table", help="One of its tables; all by default.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be done.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Make what was delivered on some days clean and publish it again, from raw.

    Nothing is published twice: a table takes a batch in again in its place. Exit status 1 when
    there is nothing to replay, or a run failed.
    """
    from product360_assets.automation.replay import PLANNED_COLUMNS, plan_replay, run_replay
    from product360_assets.cli.selection import chosen_tables
    from product360_assets.cli.surroundings import adopt_instance

    if last < first:
        raise typer.BadParameter("the last day is before the first", param_hint="--to")
    tables = list(chosen_tables(source, table))
    with explained():
        plan = plan_replay(tables, first.date(), last.date())
        answer(form, PLANNED_COLUMNS, [step.row for step in plan.steps])
        if not plan.steps:
            told(f"Nothing of {source} was delivered on these days.")
            raise typer.Exit(1)
        if dry_run:
            told(plan.sentence)
            return
        import dagster as dg

        adopt_instance().mkdir(parents=True, exist_ok=True)
        with dg.DagsterInstance.get() as instance:
            runs = run_replay(plan, instance, told)
    if any(run.failures for run in runs):
        raise typer.Exit(1)
