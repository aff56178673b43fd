"""Tables, views and files as relations of a DuckDB session: what a statement names, made readable.

Files with Iceberg deletes must not be read as they lie, so such tables come through PyIceberg as
Arrow. And DuckDB would read `month=2017-01` in a folder's name as a column: that is turned off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from resources.s3_files import lie_in_s3, reach_s3

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table


def _wanted(
    session: DuckDBPyConnection, sql: str, known: Sequence[str], given: Collection[str]
) -> list[str]:
    """The known tables that the statement names; all of them where it may name any."""
    (document,) = session.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("{}",)
    nodes = list(_nodes(json.loads(document)))
    if any(node.get("type") == "TABLE_FUNCTION" for node in nodes):
        return list(known)  # query('…') names tables inside a text
    names = {
        (node["schema_name"].lower(), node["table_name"].lower())
        for node in nodes
        if node.get("type") == "BASE_TABLE"
    }
    zones = [tuple(table.split(".")) for table in known]
    found = [".".join(each) for each in zones if each in names or ("", each[1]) in names]
    names_only_given = bool(names) and names <= {("", each.lower()) for each in given}
    return found if found or names_only_given else list(known)


def wanted_by(
    session: DuckDBPyConnection,
    sql: str,
    known: Sequence[str],
    views: Mapping[str, str],
    given: Collection[str] = (),
) -> list[str]:
    """What the statement names, each view after everything that it reads in turn.

    Args:
        session: whose parser is asked.
        sql: the statement.
        known: tables and views, by identifier.
        views: the query of each view.
        given: names of further relations, which are no tables.
    """
    met: set[str] = set()
    ordered: list[str] = []

    def visit(statement: str) -> None:
        for name in _wanted(session, statement, known, given):
            if name not in met:
                met.add(name)
                if name in views:
                    visit(views[name])
                ordered.append(name)

    visit(sql)
    return ordered


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Every object within a parsed statement."""
    if isinstance(tree, dict):
        yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _nodes(child)


def register(
    session: DuckDBPyConnection,
    catalog: Catalog,
    identifiers: Sequence[str],
    views: Mapping[str, str],
    read: Callable[[str, Table], int | None],
) -> list[str]:
    """Make each readable under `zone.name` and `name`; returns the files that tables lie in."""
    files: list[str] = []
    zones = sorted({identifier.split(".")[0] for identifier in identifiers})
    for zone in zones:
        session.execute(f'CREATE SCHEMA IF NOT EXISTS "{zone}"')
    for identifier in identifiers:
        if identifier in views:
            _register_view(session, identifier, views[identifier])
        else:
            table = catalog.load_table(identifier)
            files += _register_table(session, identifier, table, read(identifier, table))
    return files


def look_in(session: DuckDBPyConnection, identifiers: Iterable[str]) -> None:
    """Find tables by their name alone, in the zones of these; a zone's come before files."""
    zones = sorted({identifier.split(".")[0] for identifier in identifiers})
    if zones:
        session.execute(f"SET search_path = '{','.join([*zones, 'main'])}'")


def register_files(session: DuckDBPyConnection, files: Mapping[str, Sequence[str]]) -> list[str]:
    """Make files readable under names, in place of earlier ones; returns the files."""
    found: list[str] = []
    for name, uris in files.items():
        paths = [path_of(uri) for uri in uris]
        reach_s3(session, paths)
        # Files of several versions of a contract: later ones may have columns more, or wider ones.
        relation = from_parquet(paths, by_name=True)
        session.execute(f'CREATE OR REPLACE VIEW main."{name}" AS FROM {relation}')
        found += paths
    return found


def _register_view(session: DuckDBPyConnection, identifier: str, query: str) -> None:
    """A view that reads something unpublished stays unknown, like a table that is not there."""
    import duckdb

    zone, name = identifier.split(".")
    with suppress(duckdb.CatalogException):
        session.execute(f'CREATE VIEW "{zone}"."{name}" AS {query}')


def _register_table(
    session: DuckDBPyConnection, identifier: str, table: Table, snapshot: int | None
) -> list[str]:
    zone, name = identifier.split(".")
    scan = table.scan(snapshot_id=snapshot)
    tasks = list(scan.plan_files())
    readable_in_place = tasks and len(table.metadata.schemas) == 1
    if not readable_in_place or any(task.delete_files for task in tasks):
        session.register("rows_of_table", scan.to_arrow())
        session.execute(f'CREATE TABLE "{zone}"."{name}" AS FROM rows_of_table')
        session.unregister("rows_of_table")
        return []
    paths = [path_of(task.file.file_path) for task in tasks]
    reach_s3(session, paths)
    columns = ", ".join(f'"{column}"' for column in scan.projection().column_names)
    session.execute(f'CREATE VIEW "{zone}"."{name}" AS SELECT {columns} FROM {from_parquet(paths)}')
    return paths


def from_parquet(paths: Sequence[str], *, by_name: bool = False) -> str:
    """SQL: the rows of Parquet files."""
    how = f"hive_partitioning = false, union_by_name = {str(by_name).lower()}"
    return f"read_parquet([{literals(paths)}], {how})"


def literals(texts: Sequence[str]) -> str:
    """SQL: texts, in a list."""
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def path_of(uri: str) -> str:
    """The local file behind a URI, percent-encoded by its writer or not; S3's are literal."""
    path = uri.removeprefix("file://")
    return path if lie_in_s3([uri]) or Path(path).exists() else unquote(path)
