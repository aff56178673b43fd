"""Watches published tables: as new as their sources, no rows lost, as complete as before.

Every published table is watched alike, by what is written down about it anyway: the ledger knows
which deliveries it took in, its snapshots know how many rows it had and which day it was made as
of, and its manifests count the nulls of every file. No row is read.

The hazard is a table that nobody makes any more: it stands there, complete and unchanged, and every
check of its rows passes. So its newest day is held against the data's own calendar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from product360_assets.core.calendar import timeliness, today
from product360_assets.core.checks import advisory_check, warning
from product360_assets.core.contract import SourceContract, known_contracts
from product360_assets.core.usual import NOT_JUDGED, NullCounts, Verdict, loss, nulls
from product360_assets.curated.commits import AS_OF_DATE, COMMIT_ID, INPUTS
from product360_assets.curated.pending import Input, survey
from product360_assets.curated.presentation import asset_key
from resources.catalog import CatalogResource
from resources.ledger import Ledger
from spark.tables import Table

if TYPE_CHECKING:
    from pyiceberg.table import Table as IcebergTable

IS_UP_TO_DATE = "is_up_to_date"


@dataclass(frozen=True)
class Published:
    """One published table, and where what is written down about it can be read."""

    table: Table
    ledger: Ledger
    catalog: CatalogResource

    def states(self) -> list[Mapping[str, str]]:
        """Summaries of the table's states, newest first: of each commit its last snapshot.

        A writer that replaces all rows leaves two snapshots, and between them the table is empty.
        """
        states: list[Mapping[str, str]] = []
        for summary in self.catalog.snapshot_summaries(self.table.identifier):
            if not states or _commit(summary) is None or _commit(summary) != _commit(states[-1]):
                states.append(summary)
        return states


def is_up_to_date(seen: Published) -> Verdict:
    """Whether the table holds what was delivered, or was made as of a recent day."""
    newest = next(iter(seen.states()), {})
    contracts = known_contracts().values()
    if AS_OF_DATE in newest:
        as_of = date.fromisoformat(newest[AS_OF_DATE])
        allowed = timedelta(hours=seen.table.freshness_hours)
        return timeliness(as_of, now=today(seen.ledger, contracts), allowed=allowed)
    behind = _deliveries_not_taken_in(seen, contracts)
    if behind is None:
        return Verdict(True, {NOT_JUDGED: "no delivery was taken in yet"})
    return Verdict(not behind, {"newest clean delivery not taken in": behind})


def rows_did_not_drop(seen: Published) -> Verdict:
    """Whether the table has about as many rows as in its state before, or more."""
    counts = [_rows(summary) for summary in seen.states()[:2]]
    if not counts or counts[0] is None:
        return Verdict(True, {NOT_JUDGED: "the snapshot does not say how many rows there are"})
    return loss(counts[0], counts[1] if len(counts) > 1 else None)


def nulls_are_usual(seen: Published) -> Verdict:
    """Whether each nullable column is null about as often as in the table's state before."""
    snapshots = [int(summary["snapshot-id"]) for summary in seen.states()[:2]]
    if len(snapshots) < 2:
        return Verdict(True, {NOT_JUDGED: "no earlier state to compare with"})
    columns = {column.name for column in seen.table.columns if column.nullable}
    iceberg = seen.catalog.table(seen.table.identifier)
    now, before = (_null_counts(iceberg, snapshot, columns) for snapshot in snapshots)
    return nulls(now, before)


WATCHES: Mapping[str, tuple[str, Callable[[Published], Verdict]]] = {
    IS_UP_TO_DATE: (
        "The table has taken in the newest clean delivery of everything it is made from, or the "
        "data's today (the latest day on which any source delivered) is no later than its "
        "freshness allows after the end of its as-of date.",
        is_up_to_date,
    ),
    "rows_did_not_drop": (
        "The table lost at most a tenth of its rows since its snapshot before; more is a purge or "
        "an accident, and somebody should know which.",
        rows_did_not_drop,
    ),
    "nulls_are_usual": (
        "No column's share of nulls moved by more than five percentage points since the snapshot "
        "before; below a hundred rows nothing is judged.",
        nulls_are_usual,
    ),
}


def watch_specs(table: Table) -> list[dg.AssetCheckSpec]:
    """What every published table is watched for, as checks that warn."""
    return [
        advisory_check(name, asset_key(table), description)
        for name, (description, _) in WATCHES.items()
    ]


def watch(name: str, seen: Published) -> dg.AssetCheckResult:
    """The result of one of the checks."""
    _, judge = WATCHES[name]
    verdict = judge(seen)
    return warning(name, asset_key(seen.table), holds=verdict.holds, counted=verdict.counted)


def _deliveries_not_taken_in(
    seen: Published, contracts: Iterable[SourceContract]
) -> dict[str, str] | None:
    """Newest clean delivery by input, where the table lacks it; None if it took in nothing."""
    zone = seen.table.identifier
    inputs = [Input(each.name, table.name) for each in contracts for table in each.tables]
    known = [each for each in inputs if seen.ledger.zone_states(each.source, each.table, zone)]
    if not known:
        return None
    behind: dict[str, date] = {}
    for found in survey(seen.ledger, zone, tuple(known)):
        if found.is_pending:
            behind[found.input.name] = found.batch.landing_date
    return {name: day.isoformat() for name, day in behind.items()}


def _commit(summary: Mapping[str, str]) -> str | None:
    """What tells one commit of ours from another."""
    return summary.get(COMMIT_ID) or summary.get(INPUTS)


def _rows(summary: Mapping[str, str]) -> int | None:
    """Rows of a snapshot, by its own summary."""
    if "total-records" not in summary:
        return None
    return int(summary["total-records"]) - int(summary.get("total-position-deletes", 0))


def _null_counts(iceberg: IcebergTable, snapshot: int, columns: set[str]) -> NullCounts:
    """Nulls by column, from the manifests of a snapshot; a column that a file lacks is left out."""
    names = {field.field_id: field.name for field in iceberg.schema().fields}
    rows, counted, files = 0, Counter[str](), Counter[str]()
    tasks: list[Any] = list(iceberg.scan(snapshot_id=snapshot).plan_files())
    for task in tasks:
        rows += task.file.record_count
        for field_id, count in dict(task.file.null_value_counts or {}).items():
            counted[names.get(field_id, "")] += count
            files[names.get(field_id, "")] += 1
    return NullCounts(
        rows, {name: counted[name] for name in columns if files[name] == len(tasks) > 0}
    )
