"""Event streams on SQLite: what Amazon Kinesis does for a reader, in one file of the home.

Records are appended to the shard in whose range the MD5 of their key lies, numbered upwards, and
kept for a time. A stream that nobody made is made by its first record, with one shard. Splitting or
merging closes shards and opens others; what a closed one holds can be read until its time is up.

The hazard is a record that is forgotten unread, here as there: whoever reads less often than
records are kept loses some, and no read says so.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from resources.errors import SourceRejected
from resources.event_streams import (
    MOST_RECORDS,
    EventStream,
    EventStreamsResource,
    Page,
    Record,
    Shard,
    no_such_stream,
)
from resources.local.sqlite import Database

KEPT = timedelta(hours=24)
# As much as Kinesis gives in one answer.
PAGE_BYTES = 10 * 1024 * 1024
_HASHES = 2**128

_SCHEMA = """
CREATE TABLE IF NOT EXISTS shard (
    stream TEXT, shard_id TEXT, parents TEXT NOT NULL, low TEXT NOT NULL, high TEXT NOT NULL,
    closed_ms INTEGER,
    PRIMARY KEY (stream, shard_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL, shard_id TEXT NOT NULL, arrived_ms INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS record_of_shard ON record (stream, shard_id, sequence);
CREATE INDEX IF NOT EXISTS record_by_time ON record (stream, arrived_ms)
"""


class LocalStream:
    """See `resources.event_streams.EventStream`. `clock` gives seconds since 1970."""

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        kept: timedelta = KEPT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._path = path
        self._kept = kept
        self._clock = clock

    def shards(self) -> list[Shard]:
        """See `EventStream.shards`."""
        rows = self._database.rows(
            "SELECT shard_id, parents FROM shard "
            "WHERE stream = ? AND coalesce(closed_ms, ?) >= ? ORDER BY shard_id",
            self.name,
            self._now_ms(),
            self._horizon_ms(),
        )
        if not rows:
            raise no_such_stream(self.name, str(self._path))
        return [Shard(name, tuple(parents.split())) for name, parents in rows]

    def read(self, shard_id: str, *, after: str | None, limit: int = MOST_RECORDS) -> Page:
        """See `EventStream.read`."""
        closed = self._is_closed(shard_id)
        place = (self.name, shard_id, int(after or 0))
        found = self._database.rows(
            "SELECT sequence, arrived_ms, length(data) FROM record WHERE stream = ? "
            "AND shard_id = ? AND sequence > ? AND arrived_ms >= ? ORDER BY sequence LIMIT ?",
            *place,
            self._horizon_ms(),
            limit + 1,
        )
        kept = found[: _within([size for _, _, size in found[:limit]])]
        if not kept:
            return Page((), timedelta(0), ended=closed)
        rows = self._database.rows(
            "SELECT sequence, arrived_ms, data FROM record WHERE stream = ? AND shard_id = ? "
            "AND sequence > ? AND sequence BETWEEN ? AND ? ORDER BY sequence",
            *place,
            kept[0][0],
            kept[-1][0],
        )
        records = tuple(Record(str(number), _moment(ms), data) for number, ms, data in rows)
        is_last = len(kept) == len(found)
        # Never nothing while records are left, however new they are.
        behind_ms = 0 if is_last else max(self._now_ms() - kept[-1][1], 1)
        return Page(records, timedelta(milliseconds=behind_ms), ended=closed and is_last)

    def kept(self) -> timedelta:
        """See `EventStream.kept`."""
        return self._kept

    def put(self, key: str, data: bytes) -> str:
        """See `EventStream.put`."""
        hashed = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
        with self._database.writing():
            if not self._open_shards():
                self._add_shards(1)
            now, horizon = self._now_ms(), self._horizon_ms()
            self._database.rows(
                "DELETE FROM record WHERE stream = ? AND arrived_ms < ?", self.name, horizon
            )
            self._database.rows(
                "INSERT INTO record (stream, shard_id, arrived_ms, data) SELECT stream, shard_id, "
                "?, ? FROM shard WHERE stream = ? AND closed_ms IS NULL AND ? BETWEEN low AND high",
                now,
                data,
                self.name,
                hashed,
            )
            return str(self._database.value("SELECT last_insert_rowid()"))

    def create(self, shards: int) -> None:
        """Make the stream with so many shards of equal ranges.

        Raises:
            SourceRejected: it is there already.
        """
        with self._database.writing():
            if self._open_shards():
                raise SourceRejected(
                    f"stream {self.name!r}",
                    found=f"a stream of that name in {self._path}",
                    expected="none yet",
                    next_move="use it, or choose another name",
                )
            self._add_shards(shards)

    def split(self, shard_id: str) -> None:
        """Close an open shard, and open two that share its range."""
        with self._database.writing():
            low, high = self._close(shard_id)
            middle = (int(low, 16) + int(high, 16)) // 2
            self._add(shard_id, low, _hash(middle))
            self._add(shard_id, _hash(middle + 1), high)

    def merge(self, left: str, right: str) -> None:
        """Close two open shards of adjacent ranges, and open one that has both."""
        with self._database.writing():
            (low, _), (_, high) = self._close(left), self._close(right)
            self._add(f"{left} {right}", low, high)

    def _is_closed(self, shard_id: str) -> bool:
        rows = self._database.rows(
            "SELECT closed_ms FROM shard WHERE stream = ? AND shard_id = ?", self.name, shard_id
        )
        if not rows:
            raise self._no_such_shard(shard_id, "of that name")
        return rows[0][0] is not None

    def _open_shards(self) -> int:
        query = "SELECT count(*) FROM shard WHERE stream = ? AND closed_ms IS NULL"
        return int(self._database.value(query, self.name))

    def _add_shards(self, count: int) -> None:
        for number in range(count):
            low, high = _HASHES * number // count, _HASHES * (number + 1) // count - 1
            self._add("", _hash(low), _hash(high))

    def _add(self, parents: str, low: str, high: str) -> None:
        number = self._database.value("SELECT count(*) FROM shard WHERE stream = ?", self.name)
        self._database.rows(
            "INSERT INTO shard VALUES (?, ?, ?, ?, ?, NULL)",
            self.name,
            f"shardId-{number:012d}",
            parents,
            low,
            high,
        )

    def _close(self, shard_id: str) -> Sequence[str]:
        rows = self._database.rows(
            "UPDATE shard SET closed_ms = ? WHERE stream = ? AND shard_id = ? "
            "AND closed_ms IS NULL RETURNING low, high",
            self._now_ms(),
            self.name,
            shard_id,
        )
        if not rows:
            raise self._no_such_shard(shard_id, "of that name that is open")
        bounds: tuple[str, str] = rows[0]
        return bounds

    def _no_such_shard(self, shard_id: str, which: str) -> SourceRejected:
        return SourceRejected(
            f"shard {shard_id!r} of stream {self.name!r}",
            found=f"no shard {which} in {self._path}",
            expected="one of the stream's shards",
            next_move=f"product360 stream shards {self.name} says which there are",
        )

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)

    def _horizon_ms(self) -> int:
        return self._now_ms() - round(self._kept.total_seconds() * 1000)

    @cached_property
    def _database(self) -> Database:
        return Database(self._path, _SCHEMA)


class LocalStreams(EventStreamsResource):
    """The streams of one home.

    Attributes:
        path: the SQLite file; made, with its folder, when first used.
    """

    path: str

    def open(self, name: str) -> EventStream:
        """See `EventStreamsResource.open`."""
        return LocalStream(Path(self.path), name)


def _within(sizes: Sequence[int]) -> int:
    """How many records of these sizes one page holds: at least one, if there is one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if count and total > PAGE_BYTES:
            return count
    return len(sizes)


def _hash(number: int) -> str:
    return f"{number:032x}"


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
