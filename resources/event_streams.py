"""Streams of events that are read directly: shards, positions in them, and records as they came.

Two implementations behave alike: Amazon Kinesis (`resources.kinesis`) and SQLite
(`resources.local.event_streams`); one behaviour suite holds for both. A stream keeps nothing of its
readers: where one has come to, it says at every read.

The hazard is a stream that is cut into other shards while it is read. A shard that was closed stays
for as long as its records are kept, and its children's records are younger: who does not read
parents to their end first takes a key's events in the wrong order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import dagster as dg

from resources.errors import SourceRejected

# As Kinesis names them, but for a dot in front: listings hide what begins with one.
STREAM_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$"
# As many as Kinesis gives in one answer.
MOST_RECORDS = 10_000


@dataclass(frozen=True)
class Shard:
    """One shard, and those that it was cut out of, which may be gone by now."""

    shard_id: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """One record, unchanged; `sequence` is a decimal number, `arrived_at` the stream's own time."""

    sequence: str
    arrived_at: datetime
    data: bytes


@dataclass(frozen=True)
class Page:
    """Records of a shard in their order.

    Attributes:
        behind: how far the page's end is behind the newest record; zero when nothing is left.
        ended: whether the shard is closed and nothing of it is left.
    """

    records: tuple[Record, ...]
    behind: timedelta
    ended: bool

    @property
    def is_last(self) -> bool:
        """Whether nothing was left behind the page when it was read. An empty page may not be."""
        return self.ended or not self.behind


class EventStream(Protocol):
    """What every stream does. A stream that is not there raises SourceRejected at first use."""

    name: str

    def shards(self) -> list[Shard]:
        """All shards of which a record may still be kept, closed ones too."""

    def read(self, shard_id: str, *, after: str | None, limit: int = MOST_RECORDS) -> Page:
        """What follows the record of that sequence.

        From the oldest record on, without one or when the stream does not know it any more.
        """

    def kept(self) -> timedelta:
        """For how long a record can be read after it has arrived."""

    def put(self, key: str, data: bytes) -> str:
        """Add a record to the shard of its key; its sequence. It is stored when this returns."""


class EventStreamsResource(dg.ConfigurableResource[Any], ABC):
    """Opens streams of the chosen environment."""

    @abstractmethod
    def open(self, name: str) -> EventStream:
        """A stream by its name. Nothing is contacted before it is used."""


def no_such_stream(name: str, where: str) -> SourceRejected:
    """The error for a stream that nobody made."""
    return SourceRejected(
        f"stream {name!r}",
        found=f"no stream of that name in {where}",
        expected="the stream that the source's contract names",
        next_move="create it (locally its first record does: product360 stream put), or correct "
        "`stream` in the source's contract",
    )
