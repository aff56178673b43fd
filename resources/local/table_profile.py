"""Profiles a table of a PostgreSQL: a sample of its rows, and what its catalog says for certain.

Types are those in which replication would deliver the columns, so that a proposed contract fits
what arrives; a primary key and NOT NULL come from the catalog, as a sample can only guess them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resources.errors import SourceRejected
from resources.local.dms_shapes import arrow_type
from resources.local.postgres import snapshot
from resources.local.profiling import SAMPLE_ROWS, fenced, profile_sample
from resources.profiles import TableProfile

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

TIMEOUT_SECONDS = 10
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull,
       coalesce(array_position(indkey::int2[], attnum), -1)
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""


def profile_table(connection: Mapping[str, str], table: str) -> TableProfile:
    """A sample of `schema.table`, read only.

    Raises:
        SourceUnreachable: the database does not answer.
        SourceRejected: no such table, or the user may not read it.
    """
    schema, _, name = table.rpartition(".")
    with snapshot(connection, timeout_seconds=TIMEOUT_SECONDS) as database:
        columns = database.execute(_COLUMNS, (schema, name)).fetchall()
        if not columns:
            raise SourceRejected(
                f"table {table}",
                found="no such table, or none that this user may see",
                expected="schema.table of a table with columns",
                next_move="correct the name, or grant SELECT",
            )
        sample = _sample(database, schema, name, [column for column, *_ in columns])
    with fenced() as session:
        session.register("rows_of_table", sample)
        session.execute("CREATE TABLE sample AS FROM rows_of_table")
        return profile_sample(
            session,
            "parquet",
            types={column: kind for column, text, *_ in columns if (kind := _delivered(text))},
            nullable={column: nullable for column, _, nullable, _ in columns},
            primary_key=[
                column
                for place, column in sorted((place, column) for column, _, _, place in columns)
                if place >= 0
            ],
        )


def _sample(
    database: psycopg.Connection[Any], schema: str, table: str, columns: list[str]
) -> pa.Table:
    """The first rows as text: that is what every type has, and what patterns are compared with."""
    import pyarrow as pa
    from psycopg import sql

    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns)
    query = sql.SQL("SELECT {} FROM {} LIMIT {}").format(
        texts, sql.Identifier(schema, table), sql.Literal(SAMPLE_ROWS + 1)
    )
    rows = database.execute(query).fetchall()
    values = [[row[place] for row in rows] for place in range(len(columns))]
    return pa.table([pa.array(each, pa.string()) for each in values], names=columns)


def _delivered(database_type: str) -> str | None:
    """The type in which the column arrives; None for text, whose values decide."""
    import pyarrow as pa

    kind = arrow_type(database_type)
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    plain = {
        pa.int16(): "int",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float32(): "double",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
    }
    if kind in plain:
        return plain[kind]
    return None if database_type == "numeric" else "string"
