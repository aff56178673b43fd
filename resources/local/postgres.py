"""Sessions with PostgreSQL, as of now or of one moment; what tables look like; its errors as ours.

The hazard: a database, a role or a machine may prefer its own zone, spellings and limits of time.
Every session here begins with ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from resources.errors import SourceRejected, SourceUnreachable
from resources.local.dms_shapes import DELIVERY_COLUMNS, arrow_type
from resources.local.typed_text import TEXT_OPTIONS
from resources.replication import SourceTable

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

# How long a statement may wait for what other sessions hold.
LOCK_SECONDS = 300

# A load takes as long as it takes, whatever the role's own limits.
_NO_TIMEOUTS = (
    "-c statement_timeout=0 -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0"
)
_REFUSALS = (
    "authentication failed",
    "permission denied to start WAL sender",
    "must be superuser or replication role",
)


@contextmanager
def connected(
    connection: Mapping[str, str], *, timeout_seconds: int, replication: bool = False
) -> Iterator[psycopg.Connection[Any]]:
    """A session in which every statement is a transaction of its own.

    Args:
        connection: the source's connection document.
        timeout_seconds: how long to wait for the database to answer at first.
        replication: whether it speaks the replication protocol instead of SQL.

    Raises:
        SourceUnreachable: the database does not answer, or stops answering.
        SourceRejected: it refuses the user.
    """
    import psycopg

    with (
        _translated(connection),
        psycopg.connect(
            host=connection["host"],
            port=int(connection["port"]),
            dbname=connection["dbname"],
            user=connection["user"],
            password=connection.get("password"),
            connect_timeout=timeout_seconds,
            client_encoding="UTF8",
            replication="database" if replication else None,
            options=f"{TEXT_OPTIONS} -c lock_timeout={LOCK_SECONDS}s {_NO_TIMEOUTS}",
            autocommit=True,
        ) as session,
    ):
        yield session


@contextmanager
def snapshot(
    connection: Mapping[str, str], *, timeout_seconds: int, exported: str | None = None
) -> Iterator[psycopg.Connection[Any]]:
    """A read-only session that sees one moment of the database.

    Args:
        connection: the source's connection document.
        timeout_seconds: how long to wait for the database to answer at first.
        exported: name of the moment, as another session that still holds it has exported it; that
            of the first query when None.

    Raises:
        SourceUnreachable: the database does not answer, or stops answering.
        SourceRejected: it refuses the user.
    """
    import psycopg
    from psycopg.sql import SQL, Literal

    with connected(connection, timeout_seconds=timeout_seconds) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.read_only = True
        session.autocommit = False
        if exported is not None:
            session.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(Literal(exported)))
        yield session


def clock(session: psycopg.Connection[Any], connection: Mapping[str, str]) -> datetime:
    """The source's declared clock, or its own time; UTC."""
    if declared := connection.get("clock"):
        return datetime.fromisoformat(declared).astimezone(UTC)
    [(now,)] = session.execute("SELECT clock_timestamp()").fetchall()
    return datetime.fromisoformat(str(now)).astimezone(UTC)


def table_columns(
    session: psycopg.Connection[Any], table: SourceTable, *, with_generated: bool = True
) -> pa.Schema:
    """The table's columns with their delivered types.

    Args:
        session: where to ask.
        table: the table.
        with_generated: whether columns that the database computes are wanted; changes lack them.

    Raises:
        SourceRejected: no such table, or one with a column named as delivery names its own.
    """
    import pyarrow as pa

    found = session.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " JOIN pg_class ON pg_class.oid = attrelid"
        " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped"
        " AND (attgenerated = '' OR %s) ORDER BY attnum",
        (table.schema, table.table, with_generated),
    ).fetchall()
    name = f"table {table.schema}.{table.table}"
    if not found:
        raise SourceRejected(
            name,
            found="no such table, or none that this user may see",
            expected="a table with columns",
            next_move="correct `source_name` in the source's defs.yaml, or grant SELECT",
        )
    if taken := DELIVERY_COLUMNS & {column for column, _ in found}:
        raise SourceRejected(
            name,
            found=f"a column named {min(taken)}",
            expected="none of the names that delivery adds",
            next_move="load a view that renames the column",
        )
    return pa.schema([pa.field(column, arrow_type(kind)) for column, kind in found])


def database_name(connection: Mapping[str, str]) -> str:
    """What errors call the database."""
    return f"database {connection['dbname']} on {connection['host']}:{connection['port']}"


@contextmanager
def _translated(connection: Mapping[str, str]) -> Iterator[None]:
    import psycopg

    name = database_name(connection)
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise _refused(name, connection["user"], error) from error
    except psycopg.OperationalError as error:
        # A refused login carries no error code, because there is no session that could.
        if any(words in str(error) for words in _REFUSALS):
            raise _refused(name, connection["user"], error) from error
        raise SourceUnreachable(
            name,
            found=str(error).strip(),
            expected="a PostgreSQL that answers",
            next_move="start the source (the demo company: python -m demo up) and run again",
        ) from error


def _refused(name: str, user: str, error: psycopg.Error) -> SourceRejected:
    return SourceRejected(
        name,
        found=str(error).strip(),
        expected=f"SELECT on its tables, and the attribute REPLICATION, for user {user}",
        next_move="correct the secret, or grant what is missing",
    )
