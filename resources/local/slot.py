"""The replication slot of a source: it makes the server keep its log until we have delivered it.

Each source has one slot for as long as it is a source. A load needs no slot of its own: it makes
sure that this one stands *before* the moment that it reads, so that no change between is missed,
and each table skips the changes that its load already holds.

The hazard: a slot that was dropped and made anew looks like any other and begins after a gap. So
its place is compared with the place from which each table needs the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.errors import ChangesLost, DeadlineExceeded, SourceRejected, SourceUnreachable
from resources.local.change_log import ChangeLog, lsn_of, text_of
from resources.local.postgres import database_name
from resources.local.publication import stream_name
from resources.polling import wait_until
from resources.replication import IDLE_LOG_BYTES, CapturedTable, StreamPosition

if TYPE_CHECKING:
    import psycopg

# A reader that was killed holds the slot until the server notices.
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class Slot:
    """A slot; the server keeps its log from `confirmed` on, unless it `is_lost`."""

    confirmed: int
    is_lost: bool


def slot_of(session: psycopg.Connection[Any], source: str) -> Slot | None:
    """The source's slot; None when there is none.

    Raises:
        SourceRejected: its name belongs to something else.
    """
    name = stream_name(source)
    found = session.execute(
        "SELECT plugin = 'pgoutput' AND database = current_database(), wal_status = 'lost',"
        " confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s",
        (name,),
    ).fetchall()
    if not found:
        return None
    [(is_ours, is_lost, confirmed)] = found
    if not is_ours:
        raise SourceRejected(
            f"replication slot {name}",
            found="a slot of this name for another database or another plugin",
            expected="none, or one of this database for pgoutput",
            next_move="drop that slot, or give this source another name",
        )
    return Slot(lsn_of(confirmed or "0/0"), bool(is_lost))


def has_more(session: psycopg.Connection[Any], source: str) -> bool | None:
    """Whether the source's slot holds a change, or so much else that its place should be moved on.

    Changes that were delivered, and that nobody has let go of yet, count; so one execution more
    follows those that found something. None when there is no slot.
    """
    if slot_of(session, source) is None:
        return None
    name = stream_name(source)
    [(has_more,)] = session.execute(
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) >= %s OR EXISTS ("
        " SELECT FROM pg_logical_slot_peek_binary_changes("
        "  %s, NULL, 1, 'proto_version', '1', 'publication_names', %s))"
        " FROM pg_replication_slots WHERE slot_name = %s",
        (IDLE_LOG_BYTES, name, name, name),
    ).fetchall()
    return bool(has_more)


def ensure_slot(session: psycopg.Connection[Any], log: ChangeLog, source: str) -> None:
    """See that the server keeps its log from now on at the latest.

    A slot that the server gave up is made anew; what was lost, the next delivery of changes finds.
    """
    slot = slot_of(session, source)
    if slot is not None and slot.is_lost:
        session.execute("SELECT pg_drop_replication_slot(%s)", (stream_name(source),))
        slot = None
    if slot is None:
        log.create_slot(stream_name(source))


def wait_for_slot(
    session: psycopg.Connection[Any], source: str, connection: Mapping[str, str]
) -> None:
    """Wait until nobody reads from the slot.

    Raises:
        SourceUnreachable: somebody keeps reading.
    """

    def is_free() -> bool | None:
        found = session.execute(
            "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active",
            (stream_name(source),),
        ).fetchall()
        return None if found else True

    try:
        wait_until(
            is_free,
            deadline_seconds=_PATIENCE_SECONDS,
            what=f"replication slot {stream_name(source)}",
        )
    except DeadlineExceeded as error:
        raise SourceUnreachable(
            f"changes in {database_name(connection)}",
            found=f"another reader of slot {stream_name(source)}",
            expected="this run to be the only one that reads this source's changes",
            next_move="let the other run end, or end it, and run again",
        ) from error


def start_of(
    slot: Slot | None,
    *,
    source: str,
    system: str,
    since: StreamPosition | None,
    tables: Sequence[CapturedTable],
) -> int:
    """The place in the log from which to read, at which everything before counts.

    Raises:
        ChangesLost: the server no longer has all changes since then.
    """
    delivered = since.lsn if since is not None and since.system == system else 0
    if slot is None or slot.is_lost:
        raise changes_lost(
            source,
            [table.table.name for table in tables],
            found="a replication slot that the server gave up" if slot else "no replication slot",
        )
    lost = [
        table.table.name
        for table in tables
        if table.loaded.system != system or max(delivered, table.loaded.lsn) < slot.confirmed
    ]
    if lost:
        raise changes_lost(
            source,
            lost,
            found=f"a log that begins at {text_of(slot.confirmed)}, later than what was delivered",
        )
    return max(delivered, slot.confirmed)


def changes_lost(source: str, tables: Sequence[str], *, found: str) -> ChangesLost:
    """The error for tables of which some changes can no longer be had."""
    return ChangesLost(
        f"changes of {source}: {', '.join(tables)}",
        found=found,
        expected=f"slot {stream_name(source)} and its publication as the last delivery left them",
        next_move=f"run ingest_{source} for these tables with reload: true: a new load replaces "
        "what was delivered, and changes go on from there",
    )


def check_captures(
    source: str, tables: Sequence[CapturedTable], captures: Mapping[str, str]
) -> None:
    """See that every table is captured by what has captured it since its load.

    Raises:
        ChangesLost: there may be changes between that nobody captured.
    """
    lost = [t.table.name for t in tables if captures[t.table.name] != t.capture]
    if lost:
        raise changes_lost(source, lost, found="a table or a publication that was made anew")
