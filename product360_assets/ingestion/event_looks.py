"""Up to when each shard of a stream was read: whether a stream forgot records before their reader.

Positions cannot tell: a stream that nobody wrote to and one that nobody read look alike. So each
pass says in the ledger up to when it has read, and the next one compares that with how long records
are kept. Where its reader came too late, what arrived in between may be gone, or was nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from product360_assets.core.contract import SourceContract, TableContract
from resources.ledger import Delivery, Ledger


@dataclass(frozen=True)
class Looks:
    """What the ledger knows of the reading of one stream for one table."""

    contract: SourceContract
    table: TableContract
    stream: str
    ledger: Ledger

    def read_until(self) -> dict[str, datetime]:
        """The time up to which each shard was read when it was last looked at."""
        for look in self.ledger.deliveries(self.contract.name, self._name):
            if look.delivery_id == self.stream:
                return {shard: datetime.fromisoformat(at) for shard, at in look.details.items()}
        return {}

    def record(self, read_until: Mapping[str, datetime], *, now: datetime) -> None:
        """Say that the stream was read now, each shard up to its time."""
        self.ledger.record_delivery(
            Delivery(
                source=self.contract.name,
                table=self._name,
                delivery_id=self.stream,
                landing_date=now.date(),
                prefix="",
                # It goes on for as long as there is a stream.
                status="running",
                started_at=now,
                finished_at=None,
                rows=0,
                bytes=0,
                details={shard: at.isoformat() for shard, at in read_until.items()},
            )
        )

    @property
    def _name(self) -> str:
        # No table is called so.
        return f"*{self.table.name}"


def missed(read_until: Mapping[str, datetime], *, kept: timedelta, now: datetime) -> Iterator[str]:
    """For each shard that was not read for longer than records are kept, what may be gone."""
    for shard, at in sorted(read_until.items()):
        if at < now - kept:
            times = f"{at:%Y-%m-%d %H:%M:%S} to {now - kept:%Y-%m-%d %H:%M:%S} UTC"
            yield f"what arrived in {shard} from {times}"
