"""SQL over the published tables, in this process: DuckDB reads what PyIceberg's planning names.

Of tables in S3 it fetches the columns that a query needs. DuckDB has no privileges, so the fence is
built before the query is seen: only the planned files can be opened, nothing else can, and the
configuration is locked. Two hazards are met here. Files with Iceberg deletes must not be read as
they lie, so such tables come through PyIceberg as Arrow. And DuckDB would read `month=2017-01` in a
folder's name as a column: that is turned off.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from resources.catalog import CatalogResource
from resources.errors import QueryRejected, TableMissing
from resources.s3_files import lie_in_s3, reach_s3
from resources.snapshots import snapshot_to_read
from resources.warehouse import Answer, AsOf, WarehouseResource

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

# An engine holds its own gigabytes beside it; what does not fit is spilled to disk.
MEMORY = "2GB"
_ALLOWED = "one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN"


class LocalWarehouse(WarehouseResource):
    """DuckDB in this process, one fenced session per query."""

    catalog: CatalogResource

    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[object] = (),
        files: Mapping[str, Sequence[str]] | None = None,
        as_of: AsOf | None = None,
        at: Mapping[str, int] | None = None,
    ) -> Answer:
        """See `WarehouseResource.query`."""
        import duckdb

        files = files or {}
        with _session() as session:
            _require_reading(session, sql)
            catalog, views = self.catalog.load(), self.catalog.views()
            known = [*self.catalog.identifiers(), *views]
            wanted = _wanted_with_views(session, sql, known, views)
            read = partial(snapshot_to_read, as_of=as_of, at=at or {})
            _fence(session, _register(session, catalog, wanted, views, read), files)
            try:
                result = session.execute(sql, list(parameters))
                rows = tuple(result.fetchall())
                described = result.description or []
            except duckdb.CatalogException as error:
                raise _missing(error, known) from error
            except duckdb.Error as error:
                raise QueryRejected(
                    "The query",
                    found=_first_line(error),
                    expected="a query that the engine can run",
                    next_move="Correct it; DESCRIBE TABLE_NAME shows a table's columns.",
                ) from error
        return Answer(
            columns=tuple(column[0] for column in described),
            types=tuple(str(column[1]) for column in described),
            rows=rows,
        )


@contextmanager
def _session() -> Iterator[DuckDBPyConnection]:
    """An empty database with a private folder to spill into, both gone afterwards."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="product360-query-") as spill:
        session = duckdb.connect(
            ":memory:", config={"temp_directory": spill, "memory_limit": MEMORY}
        )
        try:
            session.execute("SET TimeZone = 'UTC'")
            yield session
        finally:
            session.close()


def _require_reading(session: DuckDBPyConnection, sql: str) -> None:
    """Refuse everything but one statement that only reads, by the engine's own parser."""
    import duckdb

    try:
        statements = session.extract_statements(sql)
    except duckdb.Error as error:
        raise _rejected(_first_line(error)) from error
    if len(statements) != 1:
        raise _rejected(f"{len(statements)} statements")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        _require_reading(session, _explained(session, statements[0].query))
    elif kind != duckdb.StatementType.SELECT:
        raise _rejected(f"a {kind.name} statement")


def _explained(session: DuckDBPyConnection, sql: str) -> str:
    """What an EXPLAIN explains: the longest end of it that is a statement by itself.

    EXPLAIN ANALYZE runs what it explains, so that is inspected like any other statement.
    """
    import duckdb

    for start, _ in duckdb.tokenize(sql)[1:]:
        inner = sql[start:]
        try:
            if session.extract_statements(inner):
                return inner
        except duckdb.Error:
            continue  # still among EXPLAIN's own words
    raise _rejected("an EXPLAIN of nothing")


def _wanted(session: DuckDBPyConnection, sql: str, known: Sequence[str]) -> list[str]:
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
    return found or list(known)


def _wanted_with_views(
    session: DuckDBPyConnection, sql: str, known: Sequence[str], views: Mapping[str, str]
) -> list[str]:
    """What the statement names, each view after everything that it reads in turn."""
    met: set[str] = set()
    ordered: list[str] = []

    def visit(statement: str) -> None:
        for name in _wanted(session, statement, known):
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


def _register(
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
    if zones:
        session.execute(f"SET search_path = '{','.join([*zones, 'main'])}'")
    return files


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
    paths = [_path(task.file.file_path) for task in tasks]
    reach_s3(session, paths)
    columns = ", ".join(f'"{column}"' for column in scan.projection().column_names)
    session.execute(
        f'CREATE VIEW "{zone}"."{name}" AS SELECT {columns} FROM {_read_parquet(paths)}'
    )
    return paths


def _fence(
    session: DuckDBPyConnection, paths: Sequence[str], files: Mapping[str, Sequence[str]]
) -> None:
    """Register further relations, then close every way out. The order of the settings matters."""
    allowed = list(paths)
    for name, uris in files.items():
        extra = [_path(uri) for uri in uris]
        reach_s3(session, extra)
        # Files of several versions of a contract: later ones may have columns more, or wider ones.
        session.execute(f'CREATE VIEW main."{name}" AS FROM {_read_parquet(extra, by_name=True)}')
        allowed += extra
    session.execute(f"SET allowed_paths = [{_literals(allowed)}]")
    session.execute("SET python_enable_replacements = false")
    session.execute("SET autoinstall_known_extensions = false")
    session.execute("SET autoload_known_extensions = false")
    session.execute("SET enable_external_access = false")
    session.execute("SET lock_configuration = true")


def _read_parquet(paths: Sequence[str], *, by_name: bool = False) -> str:
    how = f"hive_partitioning = false, union_by_name = {str(by_name).lower()}"
    return f"read_parquet([{_literals(paths)}], {how})"


def _literals(texts: Sequence[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def _path(uri: str) -> str:
    """The local file behind a URI, percent-encoded by its writer or not; S3's are literal."""
    path = uri.removeprefix("file://")
    return path if lie_in_s3([uri]) or Path(path).exists() else unquote(path)


def _rejected(found: str) -> QueryRejected:
    return QueryRejected(
        "The statement",
        found=found,
        expected=f"{_ALLOWED}; nothing is ever written here",
        next_move="Ask one question at a time, as a query.",
    )


def _missing(error: Exception, known: Sequence[str]) -> TableMissing | QueryRejected:
    found = _first_line(error)
    if "Table with name" not in found:
        return QueryRejected(
            "The query",
            found=found,
            expected="functions and columns that DuckDB knows",
            next_move="Correct the name.",
        )
    return TableMissing(
        "A table of the query",
        found=found,
        expected=f"one of {', '.join(known)}" if known else "tables, but none is published yet",
        next_move="Correct the name, or publish the table first.",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
