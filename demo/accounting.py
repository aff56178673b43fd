"""The company's count of its changes beside the platform's, by landing date.

The company counts rows as its databases change them, the platform as it finds them in files: two
ways to one number. The hazard: totals that agree can hide two errors, so a date agrees only if each
of its tables does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from demo.manifest import ChangeCount
    from resources.ledger import Ledger, LedgerResource

ZONES = ("raw", "clean")


@dataclass(frozen=True)
class Account:
    """One landing date: what the company changed, and how many rows each zone counted of it."""

    landing_date: date
    inserts: int
    updates: int
    deletes: int
    raw: int
    clean: int
    agrees: bool


def accounts(counts: Sequence[ChangeCount], resources: Mapping[str, object]) -> Iterator[Account]:
    """The company's counts beside what the ledger holds, by landing date.

    Args:
        counts: the company's, by landing date.
        resources: the platform's resources by name.
    """
    ledger = cast("LedgerResource", resources["ledger"]).open()
    for landing_date, group in groupby(counts, key=lambda count: count.landing_date):
        changed = list(group)
        found = [[rows_of(ledger, count, zone) for zone in ZONES] for count in changed]
        yield Account(
            landing_date=landing_date,
            inserts=sum(count.inserts for count in changed),
            updates=sum(count.updates for count in changed),
            deletes=sum(count.deletes for count in changed),
            raw=sum(raw for raw, _ in found),
            clean=sum(clean for _, clean in found),
            agrees=all(
                rows == count.rows
                for count, zones in zip(changed, found, strict=True)
                for rows in zones
            ),
        )


def rows_of(ledger: Ledger, count: ChangeCount, zone: str) -> int:
    """Rows that a zone took in of the count's table on its landing date."""
    source, _, table = count.table.partition(".")
    states = ledger.zone_states(source, table, zone)
    batches = ledger.batches(source, table, landing_dates=[count.landing_date])
    return sum(states[batch.batch_id].rows_in for batch in batches if batch.batch_id in states)
