"""Upkeep of published tables: what there is to do, and doing it, table by table.

    compaction   many small files of a partition become few
    manifests    many small lists of files become few
    snapshots    states that nobody can need any more leave the table's metadata
    orphans      files that no state names leave the storage

Each looks first and finds most often nothing; a plan is the same look without the work. None
changes a row. What compaction and merging wrote is compared with what was there, after orphans
every named file is looked up, and expiry, which touches no file, counts what stays. Where the Glue
Data Catalog is to keep the tables, its optimizers are told so instead. The hazard is company: a
table is worked on under its lock, so that its publisher waits, and what the ledger knows to be
under way is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, cast, get_args

from product360_assets.curated.commits import COMMIT_ID
from product360_assets.governance.under_way import UnderWay, lock_of, under_way
from resources.catalog import CatalogResource
from resources.errors import RetryableError
from resources.ledger import Ledger
from resources.locks import holding
from resources.maintenance import MaintenanceResource
from resources.objects import LakeResource, Zone

if TYPE_CHECKING:
    from pyiceberg.table import Table as IcebergTable

    from resources.optimizers import Optimizers

STEP_COLUMNS = ("table", "action", "found", "files", "bytes", "outcome", "proof")
PLANNED, DONE, LEFT = "planned", "done", "left for the next time"
# A publisher that works is given the way; the next upkeep comes tomorrow.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Windows:
    """How old a file or a snapshot must be to go, where somebody asks for other than the usual."""

    orphans: timedelta | None = None
    snapshots: timedelta | None = None


@dataclass(frozen=True)
class Step:
    """One action on one table: what was found, and what became of it; `bytes` of the files."""

    table: str
    action: str
    found: str
    files: int
    bytes: int | None = None
    outcome: str = PLANNED
    proof: str = ""

    @property
    def row(self) -> tuple[object, ...]:
        """The step under `STEP_COLUMNS`."""
        values = (self.table, self.action, self.found, self.files, self.bytes)
        return (*values, self.outcome, self.proof)


@dataclass(frozen=True)
class Keeper:
    """Keeps tables for one run or command; `work` says to others who holds a table's lock."""

    ledger: Ledger
    catalog: CatalogResource
    lake: LakeResource
    limits: MaintenanceResource
    log: Callable[[str], None]
    now: datetime
    windows: Windows = Windows()

    def plan(self, tables: Iterable[str], actions: Sequence[str] = ()) -> Iterator[Step]:
        """What there is to do; changes nothing.

        Raises:
            MaintenanceRefused: a window is too short, a reader would be lost, or Glue is to keep
                the tables and cannot.
        """
        return self._steps(tables, actions, do=False)

    def apply(
        self, tables: Iterable[str], actions: Sequence[str] = (), *, work: str
    ) -> Iterator[Step]:
        """Do what there is to do, each table under its lock; one that is busy is left.

        Raises:
            MaintenanceRefused: see `plan`.
            JobFailed: what was written is not what was read: rewritten files are not committed
                then, merged manifests are; or a file that a table names is gone.
        """
        return self._steps(tables, actions, do=True, work=work)

    def _steps(
        self, tables: Iterable[str], actions: Sequence[str], *, do: bool, work: str = ""
    ) -> Iterator[Step]:
        self.limits.require_settings(own_windows=self.windows != Windows())
        self.limits.orphan_window(self.windows.orphans)
        self.limits.snapshot_window(self.windows.snapshots)
        for identifier in tables:
            held = (
                holding(
                    self.ledger,
                    lock_of(identifier),
                    work=work,
                    log=self.log,
                    patience_seconds=PATIENCE_SECONDS,
                )
                if do
                else nullcontext()
            )
            # What the ledger knows before the lock is ours: afterwards it would know us.
            busy = under_way(self.ledger, identifier)
            try:
                with held:
                    yield from self._table(identifier, busy, actions or tuple(ACTIONS), do)
            except RetryableError as error:
                self.log(f"{identifier}: left for the next time. {error}")
                yield Step(identifier, "any", str(error.found), 0, outcome=LEFT)

    def _table(
        self, identifier: str, busy: UnderWay, actions: Sequence[str], do: bool
    ) -> Iterator[Step]:
        for action in actions:
            iceberg = self.catalog.table(identifier)
            self.limits.require_readable(identifier, iceberg.format_version)
            if iceberg.current_snapshot() is not None:
                found = [self._switched(identifier, action, do)]
                if self.limits.keeper == "product360":
                    found.append(ACTIONS[action](self, identifier, iceberg, busy, do))
                yield from (step for step in found if step is not None)

    def _switched(self, identifier: str, action: str, do: bool) -> Step | None:
        """Let Glue keep the table, or no longer, as the switch says."""
        if self._optimizers is None:
            return None
        found = self._optimizers.switch(identifier, action)
        if found is None:
            return None
        step = Step(identifier, action, found.found, 0)
        if not do:
            return step
        found.apply()
        return replace(step, outcome=DONE, proof=found.proof)

    @cached_property
    def _optimizers(self) -> Optimizers | None:
        from resources.optimizers import Optimizers

        return Optimizers(self.limits) if self.limits.has_optimizers else None


def _compaction(
    _keeper: Keeper, identifier: str, iceberg: IcebergTable, _busy: UnderWay, do: bool
) -> Step | None:
    from resources.compaction import COMPACTION, compact, worth_compacting

    groups = worth_compacting(iceberg)
    if not groups:
        return None
    files = sum(len(group.tasks) for group in groups)
    found = f"{files} files that {len(groups)} could hold"
    step = Step(identifier, COMPACTION, found, files, sum(group.bytes for group in groups))
    if not do:
        return step
    done = compact(iceberg, groups)
    proof = f"{done.rows:,} rows are equal in {done.files} files"
    return replace(step, outcome=DONE, proof=proof)


def _manifests(
    _keeper: Keeper, identifier: str, iceberg: IcebergTable, _busy: UnderWay, do: bool
) -> Step | None:
    from resources.compaction import MANIFESTS, merge, worth_merging

    count = worth_merging(iceberg)
    if not count:
        return None
    step = Step(identifier, MANIFESTS, f"{count} small manifests", count)
    if not do:
        return step
    return replace(step, outcome=DONE, proof=f"{merge(iceberg)} manifests name the same files")


def _snapshots(
    keeper: Keeper, identifier: str, iceberg: IcebergTable, busy: UnderWay, do: bool
) -> Step | None:
    from resources.expiry import expirable, expire

    found = expirable(
        iceberg,
        window=keeper.limits.snapshot_window(keeper.windows.snapshots),
        newest=keeper.limits.kept_snapshots,
        now=keeper.now,
        open_commits=busy.commits,
        commit_property=COMMIT_ID,
    )
    if not found:
        return None
    count = len(iceberg.metadata.snapshots)
    step = Step(identifier, "snapshots", f"{len(found)} of {count} snapshots", 0)
    if not do:
        return step
    proof = expire(iceberg, found)
    return replace(step, outcome=DONE, proof=proof)


def _orphans(
    keeper: Keeper, identifier: str, iceberg: IcebergTable, busy: UnderWay, do: bool
) -> Step | None:
    from resources.orphans import orphans, remove

    zone = identifier.split(".")[0]
    if zone not in get_args(Zone):
        return None
    window = keeper.limits.orphan_window(keeper.windows.orphans)
    store = keeper.lake.zone(cast("Zone", zone))
    found = orphans(iceberg, store, before=busy.before(keeper.now, window))
    if not found:
        return None
    size = sum(each.size for each in found)
    step = Step(identifier, "orphans", f"{len(found)} files without a name", len(found), size)
    if not do:
        return step
    return replace(step, outcome=DONE, proof=f"{remove(iceberg, found)} named files are there")


Action = Callable[["Keeper", str, "IcebergTable", UnderWay, bool], Step | None]
# In this order: what one leaves behind, the next finds.
ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "compaction": _compaction,
        "manifests": _manifests,
        "snapshots": _snapshots,
        "orphans": _orphans,
    }
)
