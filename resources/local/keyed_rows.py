"""Some rows of a table, by their keys, as COPY writes them.

The hazard: keys are texts here and typed there. Each is cast to its column's type by the database,
so that its index is used and 1.50 finds 1.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from resources.local.copied import table_rows
from resources.replication import SourceTable

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

# In one statement; and beyond how many keys the whole table is read instead.
KEYS_TOGETHER: Final = 1_000
KEYS_LOOKED_UP: Final = 100_000


def rows_of(
    session: psycopg.Connection[Any],
    table: SourceTable,
    columns: pa.Schema,
    key: Sequence[str],
    keys: Sequence[tuple[str | None, ...]],
) -> Iterator[pa.RecordBatch]:
    """The rows that have these keys, which are given as text."""
    from psycopg.sql import SQL, Identifier, Literal

    name = Identifier(table.schema, table.table).as_string(session)
    kinds = dict(
        session.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = (%s::text)::regclass AND attname = ANY(%s)",
            (name, list(key)),
        ).fetchall()
    )
    places = [Identifier(f"k{place}") for place in range(len(key))]
    wanted = SQL("JOIN (SELECT DISTINCT * FROM unnest({}) AS u({})) AS k ON {}").format(
        SQL(", ").join(
            SQL("{}::text[]").format(Literal([each[place] for each in keys]))
            for place in range(len(key))
        ),
        SQL(", ").join(places),
        SQL(" AND ").join(
            SQL("t.{} = k.{}::{}").format(Identifier(column), place, SQL(kinds[column]))
            for column, place in zip(key, places, strict=True)
        ),
    )
    yield from table_rows(session, table, columns, only=wanted)
