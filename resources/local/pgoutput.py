"""The messages of PostgreSQL's output plugin `pgoutput`, version 1 of its protocol, as values.

Every value of a row comes as text, exactly as COPY writes it, so that a change and a load read the
same. https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html

The hazard: a large value that an update left alone is not sent at all. It is `UNCHANGED` here, and
never null.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from struct import Struct
from typing import Final, NamedTuple, TypeAlias


class Unchanged(Enum):
    """Stands for a value that an update left alone and the log therefore does not hold."""

    VALUE = "unchanged"


UNCHANGED: Final = Unchanged.VALUE
Value: TypeAlias = bytes | Unchanged | None
Row: TypeAlias = list[Value]

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_BYTE, _SHORT, _INT = Struct("!b"), Struct("!h"), Struct("!i")
_BEGIN, _COMMIT = Struct("!qqi"), Struct("!bqqq")
_TRUNCATE, _MESSAGE = Struct("!ib"), Struct("!bq")
_COLUMN_TYPE = Struct("!Ii")
_OID = Struct("!I")
_NULL, _UNCHANGED, _TEXT = b"n"[0], b"u"[0], b"t"[0]
_NEW = b"N"[0]


class Begin(NamedTuple):
    """A transaction begins; `commit_lsn` is the place of its commit, `committed_at` in UTC."""

    commit_lsn: int
    committed_at: datetime


class Commit(NamedTuple):
    """The transaction is over; the log goes on at `end_lsn`."""

    end_lsn: int


class Column(NamedTuple):
    """A column as the log knows it; `type_oid` and `modifier` as in pg_attribute."""

    name: str
    is_identity: bool
    type_oid: int
    modifier: int


class Relation(NamedTuple):
    """What the rows of a table look like from here on."""

    oid: int
    schema: str
    table: str
    identity: str
    columns: tuple[Column, ...]


class Insert(NamedTuple):
    """A new row."""

    oid: int
    new: Row


class Update(NamedTuple):
    """A changed row; of the old one the identity's columns, if they changed, or all, or nothing."""

    oid: int
    old: Row | None
    new: Row


class Delete(NamedTuple):
    """A row that is gone, by its identity's columns, or whole; the others are null."""

    oid: int
    old: Row


class Truncate(NamedTuple):
    """All rows of these tables are gone."""

    oids: tuple[int, ...]


class Message(NamedTuple):
    """Something that an application wrote into the log, in this transaction or in none."""

    in_transaction: bool
    prefix: str
    content: bytes


Event: TypeAlias = Begin | Commit | Relation | Insert | Update | Delete | Truncate | Message


def event_of(data: bytes) -> Event | None:
    """The event that a message tells; None for one that changes nothing here."""
    kind = data[:1]
    if kind == b"I":
        return Insert(_OID.unpack_from(data, 1)[0], _row(data, 6)[0])
    if kind == b"U":
        return _update(data)
    if kind == b"D":
        return Delete(_OID.unpack_from(data, 1)[0], _row(data, 6)[0])
    if kind == b"B":
        commit_lsn, microseconds, _ = _BEGIN.unpack_from(data, 1)
        return Begin(commit_lsn, _EPOCH + timedelta(microseconds=microseconds))
    if kind == b"C":
        return Commit(_COMMIT.unpack_from(data, 1)[2])
    if kind == b"R":
        return _relation(data)
    if kind == b"T":
        count, _ = _TRUNCATE.unpack_from(data, 1)
        return Truncate(tuple(_OID.unpack_from(data, 6 + 4 * each)[0] for each in range(count)))
    if kind == b"M":
        return _message(data)
    # Types and origins: nothing that a row needs.
    return None


def _row(data: bytes, at: int) -> tuple[Row, int]:
    """The row that begins at `at`, and where it ends."""
    (count,) = _SHORT.unpack_from(data, at)
    at += 2
    row: Row = []
    for _ in range(count):
        kind = data[at]
        at += 1
        if kind == _TEXT:
            (length,) = _INT.unpack_from(data, at)
            start = at + 4
            at = start + length
            row.append(data[start:at])
        elif kind == _NULL:
            row.append(None)
        elif kind == _UNCHANGED:
            row.append(UNCHANGED)
        else:
            raise ValueError(f"a value of kind {chr(kind)!r} in a message of pgoutput")
    return row, at


def _update(data: bytes) -> Update:
    (oid,) = _OID.unpack_from(data, 1)
    if data[5] == _NEW:
        return Update(oid, None, _row(data, 6)[0])
    old, at = _row(data, 6)
    return Update(oid, old, _row(data, at + 1)[0])


def _relation(data: bytes) -> Relation:
    (oid,) = _OID.unpack_from(data, 1)
    schema, at = _text(data, 5)
    table, at = _text(data, at)
    identity = chr(data[at])
    (count,) = _SHORT.unpack_from(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        (flags,) = _BYTE.unpack_from(data, at)
        name, at = _text(data, at + 1)
        type_oid, modifier = _COLUMN_TYPE.unpack_from(data, at)
        at += 8
        columns.append(Column(name, bool(flags & 1), type_oid, modifier))
    return Relation(oid, schema or "pg_catalog", table, identity, tuple(columns))


def _message(data: bytes) -> Message:
    flags, _ = _MESSAGE.unpack_from(data, 1)
    prefix, at = _text(data, 10)
    (length,) = _INT.unpack_from(data, at)
    return Message(bool(flags & 1), prefix, data[at + 4 : at + 4 + length])


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 1
