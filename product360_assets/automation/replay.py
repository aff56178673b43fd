"""Replays days of a source from raw: clean is made again, and published tables take it in again.

By the runs that do it every day, with a tag that says which days (`clean.replays`): an accepting
run of the chosen tables, then a publishing one. Raw is only read. What stands stays readable until
its successor is recorded, and a table merges what it knows already into its place, so that a
replay of an old day changes nothing that came since.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, cast

import dagster as dg

from product360_assets.automation.jobs import PUBLISH, accept_name
from product360_assets.automation.refresh import COMPOSITION, Refresh, RefreshRun
from product360_assets.clean.replays import REPLAY_TAG, replay_name
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.keys import clean_key
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.core.states import CLEAN, RAW
from resources.environments import platform_resources
from resources.errors import JobFailed
from resources.ledger import Batch, Ledger
from spark.tables import TABLES

if TYPE_CHECKING:
    from resources.ledger import LedgerResource

PLANNED_COLUMNS = (
    "source",
    "table",
    "landing_date",
    "batch",
    "kind",
    "objects",
    "bytes",
    "rows",
    "quarantined",
    "published_in",
)


@dataclass(frozen=True)
class ReplayStep:
    """One batch that is made clean again; rows are those of its clean data now, if it has any."""

    batch: Batch
    rows: int | None
    quarantined: int | None
    published_in: tuple[str, ...]

    @property
    def row(self) -> tuple[object, ...]:
        """The step under `PLANNED_COLUMNS`."""
        batch = self.batch
        return (
            batch.source,
            batch.table,
            batch.landing_date,
            batch.batch_id,
            batch.kind,
            len(batch.objects),
            sum(landed.size for landed in batch.objects),
            self.rows,
            self.quarantined,
            " ".join(self.published_in),
        )


@dataclass(frozen=True)
class ReplayPlan:
    """What one replay does: its tables' batches of these days, all of one source."""

    source: str
    tables: tuple[str, ...]
    first: date
    last: date
    steps: tuple[ReplayStep, ...]

    @property
    def days(self) -> set[date]:
        """The landing dates that have batches."""
        return {step.batch.landing_date for step in self.steps}

    @property
    def sentence(self) -> str:
        """What would be done, in words."""
        tables = sorted({name for step in self.steps for name in step.published_in})
        return (
            f"Batches to make clean again from raw: {len(self.steps)}, of {len(self.days)} landing "
            f"dates. Tables to take them in again: {', '.join(tables) or 'none'}. Nothing was done."
        )


def plan_replay(
    tables: Iterable[tuple[SourceContract, TableContract]], first: date, last: date
) -> ReplayPlan:
    """The batches of one source's tables that raw holds of these days; changes nothing."""
    ledger = cast("LedgerResource", platform_resources()["ledger"]).open()
    chosen = list(tables)
    return ReplayPlan(
        source=chosen[0][0].name,
        tables=tuple(table.name for _, table in chosen),
        first=first,
        last=last,
        steps=tuple(
            step
            for contract, table in chosen
            for step in _steps(ledger, contract.name, table.name, first, last)
        ),
    )


def run_replay(
    plan: ReplayPlan, instance: dg.DagsterInstance, log: Callable[[str], None]
) -> list[RefreshRun]:
    """Make the plan's batches clean again, then publish; both are ordinary runs of the instance.

    Raises:
        DeadlineExceeded: another process's runs did not end.
    """
    definitions: dg.Definitions = importlib.import_module(COMPOSITION).defs()
    work = Refresh(instance, definitions.get_repository_def(), log)
    register_landing_dates(instance, plan.source, plan.days)
    tags = {
        **run_tags(instance, plan.source, plan.days),
        # The wall clock only tells replays apart; it orders nothing.
        REPLAY_TAG: replay_name(
            plan.first, plan.last, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        ),
    }
    assets = [clean_key(plan.source, table) for table in plan.tables]
    cleaned = work.run(accept_name(plan.source), tags, assets=assets)
    if cleaned.failures:
        return [cleaned]
    return [cleaned, work.run(PUBLISH)]


def _steps(
    ledger: Ledger, source: str, table: str, first: date, last: date
) -> Iterator[ReplayStep]:
    accepted = ledger.zone_states(source, table, RAW)
    clean = ledger.zone_states(source, table, CLEAN)
    published = {name: ledger.zone_states(source, table, name) for name in _identifiers()}
    for batch in ledger.batches(source, table):
        if not first <= batch.landing_date <= last or batch.batch_id not in accepted:
            continue
        state = clean.get(batch.batch_id)
        yield ReplayStep(
            batch,
            rows=state.rows_out if state else None,
            quarantined=state.rows_quarantined if state else None,
            published_in=tuple(name for name in published if batch.batch_id in published[name]),
        )


def _identifiers() -> list[str]:
    return [table.identifier for table in TABLES.values()]


def run_again(
    batches: Mapping[str, Collection[Batch]],
    instance: dg.DagsterInstance,
    log: Callable[[str], None],
) -> None:
    """Run what makes these batches clean, by source, then publish; what is done is not done again.

    Raises:
        JobFailed: a run failed.
        DeadlineExceeded: another process's runs did not end.
    """
    definitions: dg.Definitions = importlib.import_module(COMPOSITION).defs()
    work = Refresh(instance, definitions.get_repository_def(), log)
    runs = []
    for source, some in batches.items():
        days = {batch.landing_date for batch in some}
        register_landing_dates(instance, source, days)
        assets = [clean_key(source, table) for table in sorted({batch.table for batch in some})]
        runs.append(work.run(accept_name(source), run_tags(instance, source, days), assets=assets))
    if not any(run.failures for run in runs):
        runs.append(work.run(PUBLISH))
    if failures := [failure for run in runs for failure in run.failures]:
        raise JobFailed(
            f"making {sum(map(len, batches.values()))} batches again",
            found=failures[0],
            expected="every run to end well",
            next_move="look at the run in Dagster, then ask again; it goes on where it stopped",
        )
