"""The moment as of which a load reads, and from which on changes go.

    publish    the source captures the tables, or the load is refused
    slot       the server keeps its log from here on at the latest
    moment     a snapshot, and its place in the log: everything is on one side of it
    read       every table, by that snapshot

The hazard: the order. A slot that is made after the moment would miss what was committed between;
one that is made before it only delivers more, which the tables' loads already hold and say so.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resources.local.change_log import change_log
from resources.local.postgres import connected, snapshot
from resources.local.publication import captures, publish, stream_name
from resources.local.slot import ensure_slot
from resources.replication import LoadRequest, StreamPosition

if TYPE_CHECKING:
    import psycopg

# In the connection: "none" for sources that can only be loaded.
CHANGES = "changes"


@dataclass(frozen=True)
class Moment:
    """A session that sees one moment of the database, and where that is in its log.

    Attributes:
        captures: what captures each table, by its name; nothing when changes are not wanted.
    """

    session: psycopg.Connection[Any]
    captures: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    lsn: int = 0

    def position(self, request: LoadRequest, *, record: int) -> StreamPosition | None:
        """Where changes go on after a load of so many records."""
        if not any(self.captures.values()):
            return None
        return StreamPosition(self.system, self.lsn, request.started_at, record)


@contextmanager
def moment_of(
    request: LoadRequest, connection: Mapping[str, str], *, timeout_seconds: int
) -> Iterator[Moment]:
    """Now, with the tables' changes captured from now on.

    Raises:
        SourceUnreachable: the database does not answer.
        SourceRejected: it refuses the user, has no such table, or cannot capture its changes.
    """
    if connection.get(CHANGES) == "none":
        with snapshot(connection, timeout_seconds=timeout_seconds) as session:
            yield Moment(session)
        return
    name = stream_name(request.source)
    with (
        connected(connection, timeout_seconds=timeout_seconds) as session,
        change_log(connection, timeout_seconds=timeout_seconds) as log,
    ):
        publish(session, request.source, request.tables)
        captured = captures(session, request.source, request.tables)
        ensure_slot(session, log, request.source)
        system = log.system()
        exported = log.export_moment(f"{name[:40]}_load_{secrets.token_hex(8)}")
        with snapshot(
            connection, timeout_seconds=timeout_seconds, exported=exported.snapshot
        ) as reading:
            yield Moment(reading, captured, system, exported.lsn)
