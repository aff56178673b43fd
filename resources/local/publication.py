"""What a PostgreSQL captures: the publication of a source, and whether it says enough of a row.

The publication is made here if the user may; otherwise its owner makes it, and the error holds the
statement. `capture` of a table names the publication and the table's place in it: both are others
after somebody dropped them and made them anew, and nobody captured what happened between.

The hazard: publishing a table without a usable replica identity makes the database refuse its
application's own updates. So the identity is looked at before anything is published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from resources.errors import SourceRejected
from resources.replication import SourceTable

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

_NAME_BYTES: Final = 63
_TABLE: Final = """
SELECT c.oid, c.relkind IN ('r', 'p') AND c.relpersistence = 'p', c.relreplident,
       ARRAY(SELECT a.attname FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid
                AND CASE c.relreplident WHEN 'd' THEN i.indisprimary
                                        WHEN 'i' THEN i.indisreplident END
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND (c.relreplident = 'f' OR a.attnum = ANY(i.indkey)) ORDER BY a.attnum)::text[]
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
"""
_PUBLICATION: Final = """
SELECT oid, xmin::text, puballtables,
       pubinsert AND pubupdate AND pubdelete AND pubtruncate AND pubviaroot
FROM pg_publication WHERE pubname = %s
"""
_PLACE: Final = """
SELECT oid::text FROM pg_publication_rel WHERE prpubid = %(pub)s AND prrelid = %(rel)s
"""
_PLACE_BY_SCHEMA: Final = """
UNION ALL SELECT 'schema ' || oid FROM pg_publication_namespace
WHERE pnpubid = %(pub)s AND pnnspid = (SELECT relnamespace FROM pg_class WHERE oid = %(rel)s)
"""
_PARTIAL: Final = """
SELECT prrelid::regclass::text FROM pg_publication_rel
WHERE prpubid = %(pub)s AND prrelid = %(rel)s AND (prqual IS NOT NULL OR prattrs IS NOT NULL)
"""
_KINDS: Final = {"d": "its primary key", "i": "an index", "f": "all columns", "n": "nothing"}


@dataclass(frozen=True)
class Relation:
    """A table as the catalog knows it; `is_capturable` is False for views and unlogged tables."""

    oid: int
    is_capturable: bool
    identity_kind: str
    identity: tuple[str, ...]


def stream_name(source: str) -> str:
    """The name of a source's publication and of its replication slot."""
    name = f"product360_{source}"
    if len(name) <= _NAME_BYTES:
        return name
    return f"{name[:50]}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def captures(
    session: psycopg.Connection[Any], source: str, tables: Sequence[SourceTable]
) -> dict[str, str]:
    """What captures each table now, by the platform's name; "" for what cannot be captured.

    Raises:
        SourceRejected: no such table, or one of which the source does not say enough.
    """
    published = _published(session, source)
    found = {}
    for table in tables:
        relation = relation_of(session, table)
        if not relation.is_capturable:
            found[table.name] = ""
            continue
        check_identity(table, relation)
        place = _place_in(session, published, relation)
        found[table.name] = f"{relation.oid}/{place}" if place else "not captured"
    return found


def publish(session: psycopg.Connection[Any], source: str, tables: Sequence[SourceTable]) -> None:
    """Make sure that the source captures these tables, views and unlogged tables aside.

    Raises:
        SourceRejected: the server keeps no such log, a table has no usable identity, or what is
            missing is not this user's to make; the message holds the owner's statement.
    """
    [(wal_level,)] = session.execute("SHOW wal_level").fetchall()
    if wal_level != "logical":
        raise _refused(
            source,
            found=f"wal_level {wal_level}",
            expected="wal_level logical, without which no change is captured",
            next_move="ALTER SYSTEM SET wal_level = logical and restart the server",
        )
    relations = {table: relation_of(session, table) for table in tables}
    wanted = [table for table, relation in relations.items() if relation.is_capturable]
    for table in wanted:
        check_identity(table, relations[table])
    published = _published(session, source)
    missing = [t for t in wanted if not _place_in(session, published, relations[t])]
    if missing:
        _publish(session, source, missing, is_new=published is None)


def relation_of(session: psycopg.Connection[Any], table: SourceTable) -> Relation:
    """The table's entry in the catalog.

    Raises:
        SourceRejected: there is none.
    """
    found = session.execute(_TABLE, (table.schema, table.table)).fetchall()
    if not found:
        raise SourceRejected(
            f"table {table.schema}.{table.table}",
            found="no such table, or none that this user may see",
            expected="a table with columns",
            next_move="correct `source_name` in the source's defs.yaml, or grant SELECT",
        )
    [(oid, is_capturable, kind, identity)] = found
    return Relation(oid, is_capturable, kind, tuple(identity))


def check_identity(table: SourceTable, relation: Relation) -> None:
    """See that updates and deletes will name the row.

    Raises:
        SourceRejected: they would not.
    """
    missing = [column for column in table.key if column not in relation.identity]
    if relation.identity and not missing:
        return
    name = f"{table.schema}.{table.table}"
    identity = f"({', '.join(relation.identity)})" if relation.identity else "without columns"
    raise SourceRejected(
        f"table {name}",
        found=f"a replica identity of {_KINDS[relation.identity_kind]}, {identity}",
        expected=f"one that names a row: ({', '.join(table.key) or 'any key'})",
        next_move=f"ALTER TABLE {name} REPLICA IDENTITY FULL, or give it a primary key; or load it "
        'only in full, by "changes": "none" in the connection',
    )


@dataclass(frozen=True)
class _Publication:
    oid: int
    version: str
    of_all_tables: bool


def _published(session: psycopg.Connection[Any], source: str) -> _Publication | None:
    name = stream_name(source)
    found = session.execute(_PUBLICATION, (name,)).fetchall()
    if not found:
        return None
    [(oid, version, of_all_tables, is_whole)] = found
    if not is_whole:
        raise _refused(
            source,
            found=f"publication {name} without some operations, or without its partitions' root",
            expected="one that publishes inserts, updates, deletes and truncates by their root",
            next_move=f"ALTER PUBLICATION {name} SET (publish = 'insert, update, delete, "
            "truncate', publish_via_partition_root = true), then load again with reload: true",
        )
    return _Publication(oid, version, of_all_tables)


def _place_in(
    session: psycopg.Connection[Any], published: _Publication | None, relation: Relation
) -> str:
    """What puts the table into the publication, as text that never comes back; "" if nothing."""
    if published is None:
        return ""
    query, asked = _PLACE, {"pub": published.oid, "rel": relation.oid}
    # Filters, and publications of schemas, are of version 15.
    if session.info.server_version >= 150000:
        query += _PLACE_BY_SCHEMA
        for (name,) in session.execute(_PARTIAL, asked).fetchall():
            raise SourceRejected(
                f"table {name}",
                found="a publication of some of its rows or columns",
                expected="one of all of them",
                next_move="publish the table without WHERE and without a list of columns, then "
                "load again with reload: true",
            )
    found = session.execute(query, asked).fetchall()
    if not found and not published.of_all_tables:
        return ""
    return f"{published.oid}.{published.version}/{found[0][0] if found else 'all'}"


def _publish(
    session: psycopg.Connection[Any],
    source: str,
    tables: Sequence[SourceTable],
    *,
    is_new: bool,
) -> None:
    import psycopg

    statement = _statement(stream_name(source), tables, is_new=is_new)
    try:
        session.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise _refused(
            source,
            found=f"{error.diag.message_primary}",
            expected="a publication of its tables, made by their owner",
            next_move=f"as the owner: {statement.as_string(session)}",
        ) from error


def _statement(name: str, tables: Sequence[SourceTable], *, is_new: bool) -> Composed:
    from psycopg.sql import SQL, Identifier

    listed = SQL(", ").join(Identifier(table.schema, table.table) for table in tables)
    if not is_new:
        return SQL("ALTER PUBLICATION {} ADD TABLE {}").format(Identifier(name), listed)
    return SQL(
        "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
    ).format(Identifier(name), listed)


def _refused(source: str, **parts: str) -> SourceRejected:
    return SourceRejected(f"change capture of source {source}", **parts)
