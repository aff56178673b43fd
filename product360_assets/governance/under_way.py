"""What is under way on a published table: whose files and snapshots upkeep may not touch.

Two places know. The lock of the table says that somebody works on it; the ledger's open states say
which commits were begun, and of those that were never closed nobody knows yet whether they landed.
The hazard is the second kind: its writer may be dead for days, and the snapshot that carries its
commit's id is still the only proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from product360_assets.core.contract import known_contracts
from product360_assets.curated.pending import OPEN
from resources.ledger import Ledger, ZoneState
from spark.tables import TABLES
from spark.tables.tombstones import tombstones_of

# Under which lock a table is written that has none of its own.
_WRITTEN_WITH: Mapping[str, str] = MappingProxyType(
    {tombstones_of(table).identifier: table.identifier for table in TABLES.values()}
)


@dataclass(frozen=True)
class UnderWay:
    """Commits of one table that nobody closed yet, and since when anything is under way."""

    commits: frozenset[str]
    since: datetime | None

    def before(self, now: datetime, window: timedelta) -> datetime:
        """Everything older than that belongs to nothing that is under way.

        A write puts its first files there before it is heard of, so a whole window is taken off.
        """
        return (now if self.since is None else min(now, self.since)) - window


def lock_of(identifier: str) -> str:
    """The name of the lock under which the table is written."""
    return _WRITTEN_WITH.get(identifier, identifier)


def under_way(ledger: Ledger, identifier: str) -> UnderWay:
    """What the ledger knows to be under way on the table."""
    recorded = states_of(ledger, lock_of(identifier))
    states = [state for state in recorded if state.details.get("state") == OPEN]
    lock = ledger.lock(lock_of(identifier))
    moments = [state.recorded_at for state in states] + ([lock.since] if lock else [])
    return UnderWay(
        frozenset(state.details["commit"] for state in states if "commit" in state.details),
        min(moments, default=None),
    )


def states_of(ledger: Ledger, identifier: str) -> Iterator[ZoneState]:
    """What the ledger says of every batch of every source in the published table."""
    for contract in known_contracts().values():
        for table in contract.tables:
            yield from ledger.zone_states(contract.name, table.name, identifier).values()
