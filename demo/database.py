"""The company's database: schemas `catalog` and `pos` in one PostgreSQL, loaded from the panel.

Each source system has its own user, who may read its own schema and replicate, and whose password
is new at every start. A server that already holds this scale's data, loaded by these very
statements, is used again. The hazard: `sold_at` and `updated_at` are UTC without saying so, as the
panel delivers them; only the source contract knows.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from demo.panel import open_panel
from demo.postgres import HOST, SUPERUSER, Postgres

if TYPE_CHECKING:
    import duckdb
    import psycopg

    from demo.settings import Scale

DATABASE: Final = "retail"
SYSTEMS: Final = ("catalog", "pos")
# The moment at which the company's year is over and everything is asked for the first time.
CLOCK: Final = "2018-01-01T08:00:00Z"

_ROWS_AT_ONCE: Final = 100_000


@dataclass(frozen=True)
class DatabaseTable:
    """A table: its columns as PostgreSQL declares them, and the panel's query that fills it."""

    name: str
    columns: str
    query: str


_HIERARCHY: Final = """
SELECT row_number() OVER (
           ORDER BY department, product_category NULLS FIRST, product_type NULLS FIRST
       ) AS hierarchy_id, department, product_category, product_type
FROM (SELECT DISTINCT department, product_category, product_type FROM products)
"""

# A product enters the catalogue when it is first sold or first promoted, whichever is earlier, in
# the whole panel; one that never was has been there since the first day.
_FIRST_SEEN: Final = """
WITH sold AS (SELECT product_id, min(sold_at) AS sold_at FROM all_line GROUP BY ALL),
     promoted AS (SELECT product_id, min(week) AS week FROM promotions GROUP BY ALL)
SELECT product_id,
       coalesce(least(sold.sold_at, timezone('UTC', timezone('America/New_York',
                greatest(TIMESTAMP '2016-12-26' + to_days(7 * (week - 1)::INTEGER),
                         TIMESTAMP '2017-01-01')))),
                TIMESTAMP '2017-01-01 05:00:00') AS updated_at
FROM products LEFT JOIN sold USING (product_id) LEFT JOIN promoted USING (product_id)
"""

TABLES: Final = (
    DatabaseTable(
        "catalog.product_hierarchy",
        """hierarchy_id bigint PRIMARY KEY, department text NOT NULL, product_category text,
           product_type text""",
        _HIERARCHY,
    ),
    DatabaseTable(
        "catalog.product",
        """product_id bigint PRIMARY KEY, hierarchy_id bigint NOT NULL,
           manufacturer_id bigint NOT NULL, brand text NOT NULL, package_size text,
           updated_at timestamp NOT NULL""",
        f"""
        WITH hierarchy AS ({_HIERARCHY}), first_seen AS ({_FIRST_SEEN})
        SELECT product_id, hierarchy_id, manufacturer_id, brand, package_size, updated_at
        FROM products AS p JOIN first_seen USING (product_id) JOIN hierarchy AS h
          ON p.department = h.department
         AND p.product_category IS NOT DISTINCT FROM h.product_category
         AND p.product_type IS NOT DISTINCT FROM h.product_type
        """,
    ),
    DatabaseTable(
        "pos.basket",
        """basket_id bigint PRIMARY KEY, household_id bigint NOT NULL, store_id bigint NOT NULL,
           sold_at timestamp NOT NULL, week integer NOT NULL""",
        "SELECT DISTINCT basket_id, household_id, store_id, sold_at, week FROM line",
    ),
    DatabaseTable(
        "pos.sales_line",
        """basket_id bigint, product_id bigint, quantity bigint NOT NULL,
           sales_value numeric(12, 2) NOT NULL, retail_discount numeric(12, 2) NOT NULL,
           coupon_discount numeric(12, 2) NOT NULL,
           coupon_match_discount numeric(12, 2) NOT NULL,
           PRIMARY KEY (basket_id, product_id)""",
        """SELECT basket_id, product_id, quantity, sales_value, retail_discount, coupon_discount,
                  coupon_match_discount FROM line""",
    ),
)

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
        connections: the documents of the secrets, by system.
    """

    port: int
    loaded: bool
    rows: Mapping[str, int]
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
    with _session(server, port, DATABASE) as session:
        return DatabaseReady(
            port=port,
            loaded=fresh,
            rows={table.name: _count(session, table) for table in TABLES},
            connections={system: _connection(session, system, port) for system in SYSTEMS},
        )


def _version(scale: Scale) -> str:
    """What a loaded server holds: changes when a statement here or the scale does."""
    statements = "".join(table.name + table.columns + table.query for table in TABLES)
    digest = hashlib.sha256((statements + "".join(_REFERENCES)).encode()).hexdigest()
    return f"{scale} {digest[:16]}\n"


def _load(server: Postgres, port: int, scale: Scale) -> None:
    with _session(server, port, "postgres") as session:
        session.execute(f"CREATE DATABASE {DATABASE}")
    with _session(server, port, DATABASE) as session, open_panel(scale) as panel:
        for system in SYSTEMS:
            session.execute(f"CREATE SCHEMA {system}")
            session.execute(f"CREATE ROLE {system}_reader LOGIN REPLICATION")
            session.execute(f"GRANT USAGE ON SCHEMA {system} TO {system}_reader")
        for table in TABLES:
            session.execute(f"CREATE TABLE {table.name} ({table.columns})")
            _copy(session, panel, table)
        for statement in _REFERENCES:
            session.execute(statement)
        for system in SYSTEMS:
            session.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {system} TO {system}_reader")
        session.execute("ANALYZE")
        session.execute("CHECKPOINT")


def _copy(
    session: psycopg.Connection[Any], panel: duckdb.DuckDBPyConnection, table: DatabaseTable
) -> None:
    from pyarrow import csv

    no_header = csv.WriteOptions(include_header=False)
    statement = f"COPY {table.name} FROM STDIN (FORMAT csv)"
    with session.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in panel.sql(table.query).to_arrow_reader(_ROWS_AT_ONCE):
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
        "clock": CLOCK,
    }


def _session(server: Postgres, port: int, database: str) -> psycopg.Connection[Any]:
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
