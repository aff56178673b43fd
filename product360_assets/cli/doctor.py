"""`product360 doctor`: is this environment fit to work, and if not, what to do.

The hazard is to be believed about what was not looked at: a check that could not run is listed as
skipped, with its reason, and is never counted as well.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, told, write

if TYPE_CHECKING:
    from resources.doctor import Finding, Wanted

COLUMNS = ("state", "check", "thing", "found", "expected", "fix")


def doctor(
    form: FormatOption = Format.table,
    unwell: Annotated[
        bool, typer.Option("--unwell", help="Only what is not ok, with its fix.")
    ] = False,
) -> None:
    """Look at everything this environment needs; each finding comes with its fix.

    Nothing is changed. Exit status 1 when something failed; a warning is none.
    """
    from resources.doctor import examine
    from resources.environments import platform_checks

    with explained():
        found = list(examine(platform_checks(_wanted())))
    states = Counter(finding.state for _, finding in found)
    shown = [pair for pair in found if not unwell or pair[1].state != "ok"]
    rows = [_row(check, finding) for check, finding in shown]
    # A fix is a sentence, too wide for a column of a table.
    columns = COLUMNS[:4] if form is Format.table else COLUMNS
    answer(form, columns, [row[: len(columns)] for row in rows])
    if form is Format.table:
        for _, finding in shown:
            _tell(finding)
    told(", ".join(f"{states[state]} {state}" for state in ("ok", "warning", "failed", "skipped")))
    if states["failed"]:
        raise typer.Exit(1)


def _row(check: str, finding: Finding) -> tuple[str, ...]:
    return (finding.state, check, finding.thing, finding.found, finding.expected, finding.fix)


def _tell(finding: Finding) -> None:
    """What was expected and what to do; of what waits for another check, that one says it."""
    if finding.expected:
        write(
            f"{finding.state}: {finding.thing}: expected {finding.expected}. Next: {finding.fix}."
        )


def _wanted() -> Wanted:
    """What the contracts and the dictionary of tables ask of an environment."""
    from product360_assets.core.contract import known_contracts
    from resources.doctor import Wanted
    from spark.tables import TABLES

    known = known_contracts().values()
    contracts = [each for each in known if each.connection is not None]
    return Wanted(
        secrets=sorted({str(each.connection) for each in contracts}),
        databases=sorted({str(each.connection) for each in contracts if each.kind == "database"}),
        namespaces=sorted({identifier.partition(".")[0] for identifier in TABLES}),
        streams=sorted({table.stream for each in known for table in each.tables if table.stream}),
        keyed=any(table.is_treated for each in known for table in each.tables),
    )
