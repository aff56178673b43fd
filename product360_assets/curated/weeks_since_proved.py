"""From which week on a derived table, and what it is made from, differ from a state of it.

Claims that compare a table with its inputs week by week hold of all weeks if they hold of those
that changed: they are asked of the weeks from the first one on in which a file changed, by the
days that Iceberg knows of each file. So their price follows what came, and how late it was.

The hazard is the day that passes: a state also says as of when it is, and what was too new for it
is no change of any file. So the days after it count as changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from product360_assets.curated.claims import SINCE, Claim
from product360_assets.curated.commits import AS_OF_DATE, MADE_FROM
from product360_assets.curated.proofs import Evidence, Proof
from product360_assets.curated.since import origin_of
from resources.catalog import CatalogResource
from resources.changed_files import first_changed_day
from spark.tables import Table


@dataclass(frozen=True)
class WeeksAsked:
    """A claim by weeks about a derived table that holds as far as a proof goes.

    `states` are the snapshots that every table is read at now.
    """

    claim: Claim
    table: Table
    proof: Proof
    states: Evidence


def question_of_weeks(asked: WeeksAsked, catalog: CatalogResource) -> str | None:
    """The claim's query about the weeks that may have changed since its proof.

    None where everything has to be asked: the state that was proved has expired, it was proved of
    something else, or what changed has no day.
    """
    first = _first_changed_day(asked, catalog)
    if first is None:
        return None
    # The first day of all is a Monday, and some system's word for "unknown".
    reached = max(first.toordinal() - asked.claim.reach, date.min.toordinal())
    monday = date.fromordinal(reached - date.fromordinal(reached).weekday())
    return _since(asked.claim, monday)


def _first_changed_day(asked: WeeksAsked, catalog: CatalogResource) -> date | None:
    before = _state_proved(asked, catalog)
    if before is None:
        return None
    snapshots, as_of = before
    days = [as_of + timedelta(days=1)]
    for identifier in asked.states.tables(asked.claim.sql):
        then, now = snapshots.get(identifier), asked.states.snapshot(identifier)
        if str(then) == now:
            continue
        column = asked.claim.days.get(identifier)
        if then is None or column is None or not now.isdigit():
            return None
        day = first_changed_day(catalog, identifier, then, int(now), column)
        if day is None:
            return None
        days.append(day)
    return min(days)


def _state_proved(
    asked: WeeksAsked, catalog: CatalogResource
) -> tuple[Mapping[str, int], date] | None:
    """The snapshots of the table and its inputs that were proved, and as of when that state is."""
    identifier, proved = asked.table.identifier, asked.proof.snapshot
    if not proved.isdigit():
        return None  # it had no rows yet
    summaries = catalog.snapshot_summaries(identifier, at=int(proved))
    said = summaries[0] if summaries else {}
    if MADE_FROM not in said or AS_OF_DATE not in said:
        return None
    snapshots = {**origin_of(said[MADE_FROM]).snapshots, identifier: int(proved)}
    if Evidence(catalog, snapshots).of(asked.claim.sql) != asked.proof.evidence:
        return None
    return snapshots, date.fromisoformat(said[AS_OF_DATE])


def _since(claim: Claim, monday: date) -> str:
    """The claim's query about the weeks from a Monday on."""
    if SINCE in claim.sql:
        return claim.sql.replace(SINCE, f"DATE '{monday}'")
    sql = claim.sql
    for identifier, column in claim.days.items():
        later = f"(SELECT * FROM {identifier} WHERE {column} >= DATE '{monday}')"
        sql = re.sub(rf"\b{re.escape(identifier)}\b", later, sql)
    return sql
