"""The company's database: schemas `catalog` and `pos` in one PostgreSQL, loaded from the panel.

It opens with the weeks that are over; what later weeks change lies beside, in a schema of the
company's own, until `demo.weeks` makes it happen. Each source system has its own user, who may read
its own schema and replicate, and whose password is new at every start. A server that already holds
this scale's data, loaded by these very statements, is used again.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from demo.calendar import OPENING_WEEK, closing, said
from demo.manifest import (
    COMPANY_SCHEMA,
    CREATE_COUNTS,
    ChangeCount,
    change_counts,
    count_changes,
    last_week,
)
from demo.panel import open_panel
from demo.postgres import HOST, SUPERUSER, Postgres
from demo.settings import SEED
from demo.slips import CHANGES, SHARES, plan_changes
from demo.tables import PRODUCTS, TABLES, DatabaseTable

if TYPE_CHECKING:
    import duckdb
    import psycopg

    from demo.settings import Scale

DATABASE: Final = "retail"
SYSTEMS: Final = ("catalog", "pos")
# By which each transaction says its time in the simulated calendar.
CLOCK_MESSAGE: Final = "product360.clock"

_ROWS_AT_ONCE: Final = 100_000


_OPENING: Final = f"made_in <= {OPENING_WEEK}"

# Added after loading, when checking them once is cheaper than at every row. Lines have no such
# promise towards the catalogue: some sold products are not in it.
_REFERENCES: Final = (
    "ALTER TABLE catalog.product ADD FOREIGN KEY (hierarchy_id)"
    " REFERENCES catalog.product_hierarchy",
    "ALTER TABLE pos.sales_line ADD FOREIGN KEY (basket_id) REFERENCES pos.basket",
    # The readers may follow their tables' changes, and only an owner can publish them.
    *(
        f"CREATE PUBLICATION product360_{system} FOR TABLES IN SCHEMA {system}"
        " WITH (publish_via_partition_root = true)"
        for system in SYSTEMS
    ),
)


@dataclass(frozen=True)
class DatabaseReady:
    """A server that takes connections; `loaded` is False when it was used again as it was.

    Attributes:
        rows: rows by table.
        counts: what was changed so far.
        connections: the documents of the secrets, by system.
    """

    port: int
    loaded: bool
    rows: Mapping[str, int]
    counts: tuple[ChangeCount, ...]
    connections: Mapping[str, Mapping[str, str]]


def start_database(server: Postgres, scale: Scale) -> DatabaseReady:
    """Start the server with this scale's data in it.

    Raises:
        ServiceUnavailable: the server does not start.
        StorageFull: there is no room for its data.
    """
    marker = server.folder / "loaded"
    version = _version(scale)
    fresh = not (marker.is_file() and marker.read_text(encoding="utf-8") == version)
    server.stop()
    if fresh:
        server.initialise()
    port = server.start()
    if fresh:
        with server.at_work():
            _load(server, port, scale)
        marker.write_text(version, encoding="utf-8")
    with session_of(server, port) as session:
        return DatabaseReady(
            port=port,
            loaded=fresh,
            rows=rows_by_table(session),
            counts=change_counts(session),
            connections={system: _connection(session, system, port) for system in SYSTEMS},
        )


def rows_by_table(session: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows of every table now."""
    return {table.name: _count(session, table) for table in TABLES}


def clock(session: psycopg.Connection[Any]) -> str:
    """The moment that it is in the databases: when the last week's changes were made."""
    return said(closing(last_week(session)))


def _version(scale: Scale) -> str:
    """What a loaded server holds: changes when a statement here or the scale does."""
    statements = [table.name + table.declaration + table.changes for table in TABLES]
    parts = [*statements, *_REFERENCES, CREATE_COUNTS, PRODUCTS, *CHANGES, str(SHARES), str(SEED)]
    return f"{scale} {hashlib.sha256(''.join(parts).encode()).hexdigest()[:16]}\n"


def _load(server: Postgres, port: int, scale: Scale) -> None:
    with session_of(server, port, "postgres") as session:
        session.execute(f"CREATE DATABASE {DATABASE}")
    with session_of(server, port) as session, open_panel(scale) as panel:
        plan_changes(panel, PRODUCTS)
        for system in SYSTEMS:
            session.execute(f"CREATE SCHEMA {system}")
            session.execute(f"CREATE ROLE {system}_reader LOGIN REPLICATION")
            session.execute(f"GRANT USAGE ON SCHEMA {system} TO {system}_reader")
        session.execute(f"CREATE SCHEMA {COMPANY_SCHEMA}")
        session.execute(CREATE_COUNTS)
        for table in TABLES:
            session.execute(f"CREATE TABLE {table.name} ({table.declaration})")
            opening = f"SELECT * EXCLUDE (made_in, op) FROM {table.changes} WHERE {_OPENING}"
            _copy(session, panel, table.name, opening)
            session.execute(
                f'CREATE TABLE {table.planned} (made_in integer, op "char", LIKE {table.name})'
            )
            _copy(session, panel, table.planned, f"FROM {table.changes} WHERE NOT ({_OPENING})")
            count_changes(session, OPENING_WEEK, table.name, inserts=_count(session, table))
        for statement in _REFERENCES:
            session.execute(statement)
        for system in SYSTEMS:
            session.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {system} TO {system}_reader")
        session.execute("ANALYZE")
        session.execute("CHECKPOINT")


def _copy(
    session: psycopg.Connection[Any], panel: duckdb.DuckDBPyConnection, table: str, query: str
) -> None:
    from pyarrow import csv

    no_header = csv.WriteOptions(include_header=False)
    statement = f"COPY {table} FROM STDIN (FORMAT csv)"
    with session.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in panel.sql(query).to_arrow_reader(_ROWS_AT_ONCE):
            rows = io.BytesIO()
            csv.write_csv(batch, rows, no_header)
            copy.write(rows.getbuffer())


def _count(session: psycopg.Connection[Any], table: DatabaseTable) -> int:
    [(rows,)] = session.execute(f"SELECT count(*) FROM {table.name}").fetchall()
    return int(rows)


def _connection(session: psycopg.Connection[Any], system: str, port: int) -> dict[str, str]:
    password = secrets.token_urlsafe(24)
    # A role's password is no parameter of its statement; this alphabet needs no quoting.
    session.execute(f"ALTER ROLE {system}_reader PASSWORD '{password}'")
    return {
        "host": HOST,
        "port": str(port),
        "dbname": DATABASE,
        "user": f"{system}_reader",
        "password": password,
        "clock": clock(session),
        "clock_message": CLOCK_MESSAGE,
    }


def session_of(server: Postgres, port: int, database: str = DATABASE) -> psycopg.Connection[Any]:
    """A session of the company's own administrator, in which each statement commits by itself."""
    import psycopg

    return psycopg.connect(
        host=HOST,
        port=port,
        user=SUPERUSER,
        password=server.password,
        dbname=database,
        autocommit=True,
        connect_timeout=10,
    )
