"""Rollback: a published table goes back to a state it had, and the ledger says what that undid.

What the ledger says of a batch is that its commit is in the table. After a rollback that is no
longer so for the batches that came later: they are *open* again, just as if their commit had been
begun and had never landed. So the next publication finds that it is not there, and takes them in
anew, as they stand in clean then.

The hazard is to die in between. The ledger is told first: whoever finds an open batch asks the
table, and while that is not yet rolled back, the commit is there and the batch is recorded as taken
in. The other way round, the table would lack what the ledger calls done, for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from product360_assets.curated.commits import COMMIT_ID
from product360_assets.curated.pending import COMMITTED, OPEN
from product360_assets.governance.under_way import lock_of, states_of
from resources.catalog import CatalogResource
from resources.ledger import Ledger, ZoneState
from resources.locks import holding
from resources.rolling_back import earlier_state, roll_back

if TYPE_CHECKING:
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

UNDONE_COLUMNS = ("batch", "rows", "commit")


@dataclass(frozen=True)
class Rollback:
    """What going back means: from which snapshot to which, and whose batches are undone."""

    table: str
    left: int
    to: int
    rows_now: int
    rows_then: int
    undone: tuple[ZoneState, ...]

    @property
    def rows(self) -> list[tuple[object, ...]]:
        """The batches under `UNDONE_COLUMNS`."""
        return [(each.batch_id, each.rows_out, each.details["commit"]) for each in self.undone]


def plan(catalog: CatalogResource, ledger: Ledger, identifier: str, to: str) -> Rollback:
    """What a rollback to a tag or a snapshot would do; changes nothing.

    Raises:
        TableMissing: no such table, or it never had that state, or does not keep it.
    """
    table = catalog.table(identifier)
    return _plan(table, earlier_state(table, to), ledger, identifier)


def apply(
    catalog: CatalogResource,
    ledger: Ledger,
    identifier: str,
    to: str,
    *,
    work: str,
    log: Callable[[str], None],
) -> Rollback:
    """Go back, under the table's lock; `work` says to others who holds it.

    Raises:
        TableMissing: see `plan`.
        LockHeld: somebody works on the table.
        TableMoved: somebody else has committed meanwhile; the batches it undid are open, and the
            next publication finds them in the table.
    """
    with holding(ledger, lock_of(identifier), work=work, log=log) as held:
        table = catalog.table(identifier)
        state = earlier_state(table, to)
        done = _plan(table, state, held, identifier)
        for each in done.undone:
            held.record_zone(_opened(each), replacing=each)
        roll_back(table, state, commit_property=COMMIT_ID)
    return done


def _plan(table: IcebergTable, state: Snapshot, ledger: Ledger, identifier: str) -> Rollback:
    current = table.current_snapshot()
    assert current is not None
    return Rollback(
        identifier,
        left=current.snapshot_id,
        to=state.snapshot_id,
        rows_now=table.scan().count(),
        rows_then=table.scan(snapshot_id=state.snapshot_id).count(),
        undone=tuple(_undone(table, state, ledger, identifier)),
    )


def _undone(
    table: IcebergTable, state: Snapshot, ledger: Ledger, identifier: str
) -> Iterator[ZoneState]:
    """The batches whose commit is in the table now and not in that state.

    Snapshots tell it as long as they are kept. Of commits whose snapshots have expired the ledger's
    times tell: each was recorded before the next one was begun.
    """
    kept = _commits(table, state.snapshot_id)
    later = _commits(table, table.metadata.current_snapshot_id) - kept
    for each in states_of(ledger, identifier):
        commit = each.details.get("commit")
        if each.details.get("state") != COMMITTED or commit is None or commit in kept:
            continue
        if commit in later or each.recorded_at.timestamp() * 1000 >= state.timestamp_ms:
            yield each


def _commits(table: IcebergTable, snapshot: int | None) -> set[str]:
    """Ids of the commits in the history of a snapshot, as far back as that is kept."""
    from pyiceberg.table.snapshots import ancestors_of

    metadata = table.metadata
    start = None if snapshot is None else metadata.snapshot_by_id(snapshot)
    said = (each.summary for each in ancestors_of(start, metadata) if each.summary)
    return {commit for summary in said if (commit := summary.get(COMMIT_ID)) is not None}


def _opened(state: ZoneState) -> ZoneState:
    return replace(
        state,
        snapshot_id=None,
        recorded_at=datetime.now(UTC),
        details={**state.details, "state": OPEN},
    )
