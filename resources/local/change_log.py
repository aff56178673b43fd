"""PostgreSQL's log of changes, read by its own replication protocol from a slot to a given place.

A slot makes the server keep its log from the slot's place on; the messages of whole transactions
then come in the order of their commits. Memory holds one message: the server itself spills what is
large, and waits when nobody reads.
https://www.postgresql.org/docs/current/protocol-replication.html

The hazard: what is confirmed, the server forgets. Only the place at which a stream was started is
ever confirmed here, never anything that was read from it.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final

from psycopg.errors import lookup
from psycopg.sql import SQL, Identifier, Literal

from resources.errors import SourceUnreachable
from resources.local.postgres import connected, database_name

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

_DATA, _KEEPALIVE = b"w"[0], b"k"[0]
_DATA_HEADER: Final = 25
_PLACE = Struct("!q")
_STATUS = Struct("!cqqqqB")
# The server gives up on a reader that says nothing for a minute.
_STATUS_SECONDS: Final = 10.0
# How long the server may have nothing to say before it is asked where it is.
_QUIET_SECONDS: Final = 0.02
_SILENCE_SECONDS: Final = 120.0
_MICROSECONDS_TO_2000: Final = 946_684_800_000_000


@dataclass(frozen=True)
class Exported:
    """A moment of the database: its name for other sessions, and its place in the log."""

    snapshot: str
    lsn: int


class ChangeLog:
    """One session that speaks the replication protocol."""

    def __init__(self, pgconn: PGconn, name: str) -> None:
        self._pgconn = pgconn
        self._name = name
        self._confirmed = 0
        self._reported = 0.0
        #: Everything that was committed before this place has been read.
        self.read_to = 0

    def system(self) -> str:
        """The identifier of this server, which no other and no restored one has."""
        return _text(self._command("IDENTIFY_SYSTEM"), 0)

    def create_slot(self, slot: str) -> None:
        """Let the server keep its log from now on, until somebody drops the slot.

        Waits for the transactions that are open now.
        """
        self._command(SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput NOEXPORT_SNAPSHOT").format(
            Identifier(slot)
        ).as_string(None))  # fmt: skip

    def export_moment(self, slot: str) -> Exported:
        """This moment: committed before it, or in the log after it; never both, never neither.

        The moment can be used until this session's next command, which also drops the slot `slot`.
        Waits for the transactions that are open now.
        """
        made = self._command(
            SQL("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT")
            .format(Identifier(slot))
            .as_string(None)
        )
        return Exported(snapshot=_text(made, 2), lsn=lsn_of(_text(made, 1)))

    def messages(
        self, slot: str, publication: str, *, since: int, target: int, with_messages: bool
    ) -> Iterator[bytes]:
        """The messages of all transactions that committed between two places of the log.

        Args:
            slot: whose log it is.
            publication: what of it is wanted.
            since: the first place; everything before it is confirmed and can be forgotten.
            target: the stream ends when the log has been read to here, or a little further.
            with_messages: whether what applications wrote into the log is wanted.

        Raises:
            SourceUnreachable: the server stops answering.
            psycopg.Error: it refuses, for instance because it no longer has the log.
        """
        options = [("proto_version", "1"), ("publication_names", f'"{publication}"')]
        if with_messages:
            options.append(("messages", "true"))
        self._command(
            SQL("START_REPLICATION SLOT {} LOGICAL {} ({})")
            .format(
                Identifier(slot),
                SQL(text_of(since)),
                SQL(", ").join(SQL("{} {}").format(Identifier(k), Literal(v)) for k, v in options),
            )
            .as_string(None)
        )
        self._confirmed = self.read_to = since
        self._say(asking=True)
        count = 0
        while self.read_to < target:
            data = self._next()
            if data is None:
                continue
            count += 1
            if count % 1000 == 0 and time.monotonic() - self._reported > _STATUS_SECONDS:
                self._say(asking=False)
            if data[0] == _DATA:
                yield data[_DATA_HEADER:]
            elif data[0] == _KEEPALIVE:
                self.read_to = max(self.read_to, _PLACE.unpack_from(data, 1)[0])
                if data[17]:
                    self._say(asking=False)

    def _next(self) -> bytes | None:
        """The next message; None when there is none yet."""
        length, data = self._pgconn.get_copy_data(1)
        if length > 0:
            return bytes(data)
        if length < 0:
            self._ended()
        if not self._readable(_QUIET_SECONDS):
            self._say(asking=True)
            if not self._readable(_SILENCE_SECONDS):
                raise SourceUnreachable(
                    self._name,
                    found=f"silence for {_SILENCE_SECONDS:g} s",
                    expected="changes, or word that there are none",
                    next_move="see whether the server is at work, then run again",
                )
        self._pgconn.consume_input()
        return None

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self._pgconn.socket], [], [], seconds)[0])

    def _say(self, *, asking: bool) -> None:
        """Tell the server that we are there and what it may forget; ask it where it is."""
        now = time.monotonic()
        moment = time.time_ns() // 1000 - _MICROSECONDS_TO_2000
        place = self._confirmed
        self._pgconn.put_copy_data(_STATUS.pack(b"r", place, place, place, moment, asking))
        self._pgconn.flush()
        self._reported = now

    def _ended(self) -> None:
        """Raise what the server ended the stream with."""
        result = self._pgconn.get_result()
        if result is not None and result.error_message:
            raise _refusal(result)
        raise SourceUnreachable(
            self._name,
            found="the end of the stream of changes",
            expected="a server that goes on",
            next_move="see the server's log, then run again: nothing is lost",
        )

    def _command(self, command: str) -> PGresult:
        from psycopg import pq

        result = self._pgconn.exec_(command.encode())
        if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COPY_BOTH):
            return result
        raise _refusal(result)


@contextmanager
def change_log(connection: Mapping[str, str], *, timeout_seconds: int) -> Iterator[ChangeLog]:
    """A session for reading the log of changes.

    Raises:
        SourceUnreachable: the database does not answer.
        SourceRejected: it refuses the user, who needs the attribute REPLICATION.
    """
    with connected(connection, timeout_seconds=timeout_seconds, replication=True) as session:
        try:
            yield ChangeLog(session.pgconn, database_name(connection))
        finally:
            # In the middle of a stream there is nothing else to say.
            session.close()


def lsn_of(text: str) -> int:
    """A place in the log from PostgreSQL's spelling: `16/B374D848`."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def text_of(lsn: int) -> str:
    """A place in the log as PostgreSQL spells it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def _text(result: PGresult, column: int) -> str:
    value = result.get_value(0, column)
    return "" if value is None else value.decode()


def _refusal(result: PGresult) -> Exception:
    from psycopg.pq import DiagnosticField

    code = result.error_field(DiagnosticField.SQLSTATE) or b""
    message = result.error_message.decode(errors="replace").strip()
    try:
        return lookup(code.decode())(message)
    except KeyError:
        import psycopg

        return psycopg.OperationalError(message)
