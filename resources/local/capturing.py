"""From the messages of the log to the changes of tables: what happened to which row, when.

Transactions come in the order of their commits, and their times never go back: a commit time that
is earlier than the one before, because a clock was set back, counts as that one. A source under a
simulated calendar says its time in a message within each transaction; until it has been said, the
transaction's other messages are held, on disk if there are many.

The hazard: a table that was loaded in between. Changes committed before its load are in the load,
and are left out; those after it are never earlier than its load's time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from resources.errors import SourceRejected
from resources.local.captured_table import TableChanges
from resources.local.pgoutput import (
    Begin,
    Commit,
    Delete,
    Event,
    Insert,
    Message,
    Relation,
    Truncate,
    Update,
    event_of,
)
from resources.replication import StreamPosition

_HELD_IN_MEMORY: Final = 16 * 1024 * 1024
_LENGTH_BYTES: Final = 4


class Capturing:
    """Takes the log's messages, one after the other, and hands changes to their tables.

    Args:
        tables: the wanted tables by their object id.
        since: where the last execution ended.
        loads: where each load stands in the log.
        clock_prefix: of messages that say the source's time; None where commit times do.
    """

    def __init__(
        self,
        tables: Mapping[int, TableChanges],
        *,
        since: StreamPosition,
        loads: Sequence[StreamPosition],
        clock_prefix: str | None,
        held: IO[bytes],
    ) -> None:
        self._tables = tables
        self._loads = sorted(loads, key=lambda load: load.lsn)
        self._clock_prefix = clock_prefix
        self._held = held
        self._is_held = False
        self._transaction: Begin | None = None
        self._in_transaction: set[int] = set()
        self._committed_at = since.committed_at
        self._record = since.record
        #: Everything committed before this place has been taken.
        self.lsn = since.lsn

    @property
    def position(self) -> tuple[datetime, int]:
        """The latest commit time so far, and the number of the last record."""
        return self._committed_at, self._record

    def take(self, data: bytes) -> None:
        """One message.

        Raises:
            ChangesLost: the log does not say enough of a change.
            SourceRejected: a message that says the time says none.
        """
        if self._is_held and data[:1] not in b"MC":
            self._held.write(len(data).to_bytes(_LENGTH_BYTES) + data)
            return
        event = event_of(data)
        if isinstance(event, Message):
            self._hear(event)
        elif isinstance(event, Commit):
            # Nobody has said the time: the source's clock stands still.
            self._go_on()
            self._commit(event)
        elif event is not None:
            self._apply(event, len(data))

    def _hear(self, message: Message) -> None:
        if message.prefix == self._clock_prefix and message.in_transaction:
            self._turn_clock(_time_of(message))
            self._go_on()

    def _go_on(self) -> None:
        """Apply what was held, now that the time is known."""
        if not self._is_held:
            return
        self._is_held = False
        self._held.seek(0)
        while length := int.from_bytes(self._held.read(_LENGTH_BYTES)):
            self._apply(event_of(self._held.read(length)), length)
        self._held.seek(0)
        self._held.truncate()

    def _apply(self, event: Event | None, size: int) -> None:
        if isinstance(event, Insert | Update | Delete):
            if (table := self._touched(event.oid)) is not None:
                self._record = table.change(event, size, record=self._record)
        elif isinstance(event, Relation):
            if event.oid in self._tables:
                self._tables[event.oid].describe(event)
        elif isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, Truncate):
            for oid in event.oids:
                if (table := self._touched(oid)) is not None:
                    self._record = table.truncate(record=self._record)

    def _begin(self, event: Begin) -> None:
        self._transaction = event
        while self._loads and self._loads[0].lsn <= event.commit_lsn:
            load = self._loads.pop(0)
            self._turn_clock(load.committed_at)
            self._record = max(self._record, load.record)
        if self._clock_prefix is None:
            self._turn_clock(event.committed_at)
        else:
            self._is_held = True

    def _commit(self, event: Commit) -> None:
        for oid in self._in_transaction:
            self._tables[oid].commit()
        self._in_transaction.clear()
        self._transaction = None
        self.lsn = max(self.lsn, event.end_lsn)

    def _touched(self, oid: int) -> TableChanges | None:
        """The table that a change is of, if it is wanted and not in the table's load already."""
        table = self._tables.get(oid)
        if table is None or self._transaction is None:
            return None
        if self._transaction.commit_lsn < table.loaded_lsn:
            return None
        if oid not in self._in_transaction:
            self._in_transaction.add(oid)
            table.begin(self._committed_at)
        return table

    def _turn_clock(self, moment: datetime) -> None:
        self._committed_at = max(self._committed_at, moment)


@contextmanager
def held_messages() -> Iterator[IO[bytes]]:
    """Room for the messages of a transaction whose time is not known yet."""
    with SpooledTemporaryFile(max_size=_HELD_IN_MEMORY) as held:
        yield held


def _time_of(message: Message) -> datetime:
    text = message.content.decode(errors="replace")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SourceRejected(
            f"message {message.prefix!r} in the log of changes",
            found=repr(text[:100]),
            expected="a time with its zone, such as 2017-11-06T08:00:00Z",
            next_move="correct what writes it, then load again with reload: true",
        )
    return moment.astimezone(UTC)
