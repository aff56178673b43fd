"""What the platform holds and what it did last: one line per table and zone, and the last runs.

Read from the ledger and the catalog, which is where it is decided what counts; nothing is inferred
from files that happen to lie around.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from product360_assets.core.contract import known_contracts
from product360_assets.core.states import CLEAN, RAW
from resources.errors import TableMissing
from spark.tables import TABLES, Table

if TYPE_CHECKING:
    import dagster as dg

    from resources.catalog import CatalogResource
    from resources.ledger import Ledger, ZoneState

LAST_RUNS = 10


@dataclass(frozen=True)
class TableStatus:
    """One table in one zone. `rows` is None where only objects are counted."""

    zone: str
    table: str
    batches: int
    rows: int | None
    quarantined: int | None
    snapshots: int | None
    changed: datetime | None


@dataclass(frozen=True)
class RunStatus:
    """One run; `seconds` is None until it ends."""

    run: str
    job: str
    status: str
    started: datetime | None
    seconds: float | None


def columns_of(kind: type[TableStatus] | type[RunStatus]) -> list[str]:
    """The names of the status's columns."""
    return [field.name for field in fields(kind)]


def rows_of(statuses: list[TableStatus] | list[RunStatus]) -> list[tuple[object, ...]]:
    """The statuses as rows under `columns_of`."""
    return [astuple(status) for status in statuses]


def table_statuses(ledger: Ledger, catalog: CatalogResource) -> list[TableStatus]:
    """Every source table in raw and clean, and every published table."""
    names = [(system, table.name) for system, c in known_contracts().items() for table in c.tables]
    return [
        *(_accepted(ledger, system, table) for system, table in names),
        *(_cleaned(ledger, system, table) for system, table in names),
        *(_published(ledger, catalog, table) for table in TABLES.values()),
    ]


def run_statuses(instance: dg.DagsterInstance) -> list[RunStatus]:
    """The last runs, newest first."""
    return [
        RunStatus(
            run=record.dagster_run.run_id[:8],
            job=record.dagster_run.job_name,
            status=record.dagster_run.status.value,
            started=_moment(record.start_time),
            seconds=_seconds(record.start_time, record.end_time),
        )
        for record in instance.get_run_records(limit=LAST_RUNS)
    ]


def is_well(runs: list[RunStatus]) -> bool:
    """Whether the newest run of every job that is listed did not fail."""
    newest: dict[str, str] = {}
    for run in runs:
        newest.setdefault(run.job, run.status)
    return "FAILURE" not in newest.values()


def _accepted(ledger: Ledger, system: str, table: str) -> TableStatus:
    states = ledger.zone_states(system, table, RAW)
    return TableStatus(RAW, f"{system}.{table}", len(states), None, None, None, _last(states))


def _cleaned(ledger: Ledger, system: str, table: str) -> TableStatus:
    states = ledger.zone_states(system, table, CLEAN)
    rows = sum(state.rows_out for state in states.values())
    quarantined = sum(state.rows_quarantined for state in states.values())
    name = f"{system}.{table}"
    return TableStatus(CLEAN, name, len(states), rows, quarantined, None, _last(states))


def _published(ledger: Ledger, catalog: CatalogResource, table: Table) -> TableStatus:
    batches = sum(1 for _ in _taken_in(ledger, table))
    try:
        summaries = catalog.snapshot_summaries(table.identifier)
        rows = catalog.row_count(table.identifier)
    except TableMissing:
        return TableStatus(table.zone, table.name, batches, None, None, 0, None)
    changed = _moment(int(summaries[0]["timestamp-ms"]) / 1000) if summaries else None
    return TableStatus(table.zone, table.name, batches, rows, None, len(summaries), changed)


def _taken_in(ledger: Ledger, table: Table) -> Iterator[ZoneState]:
    """The clean batches that a published table holds."""
    for system, contract in known_contracts().items():
        for source in contract.tables:
            for state in ledger.zone_states(system, source.name, table.identifier).values():
                if state.details.get("state") == "committed":
                    yield state


def _last(states: Mapping[str, ZoneState]) -> datetime | None:
    return max((state.recorded_at for state in states.values()), default=None)


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def _seconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 1)
