"""SQL over the published tables, in this process: DuckDB reads what PyIceberg's planning names.

Of tables in S3 it fetches the columns that a query needs. DuckDB has no privileges, so the fence is
built before a user's query is seen: only the planned files can be opened, nothing else can, and the
configuration is locked. The platform's own questions need none, and share a session.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from resources.catalog import CatalogResource
from resources.errors import QueryRejected, TableMissing
from resources.local.relations import literals, look_in, register, register_files, wanted_by
from resources.snapshots import snapshot_to_read
from resources.warehouse import Answer, Ask, AsOf, WarehouseResource

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
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
        with _session() as session:
            asked = _Asked(
                session, self.catalog, partial(snapshot_to_read, as_of=as_of, at=at or {})
            )
            paths = asked.register(sql, files or {})
            _fence(session, paths)
            return asked.answer(sql, parameters)

    @contextmanager
    def asking(self, *, at: Mapping[str, int] | None = None) -> Iterator[Ask]:
        """See `WarehouseResource.asking`; a session is opened by the first question."""
        read = partial(snapshot_to_read, as_of=None, at=at or {})
        with ExitStack() as until_then:
            opened: list[_Asked] = []

            def ask(sql: str, *, files: Mapping[str, Sequence[str]] | None = None) -> Answer:
                if not opened:
                    session = until_then.enter_context(_session())
                    opened.append(_Asked(session, self.catalog, read))
                opened[0].register(sql, files or {})
                return opened[0].answer(sql)

            yield ask


class _Asked:
    """A session in which questions are asked, and what is registered in it."""

    def __init__(
        self,
        session: DuckDBPyConnection,
        catalog: CatalogResource,
        read: Callable[[str, Table], int | None],
    ) -> None:
        self._session, self._read = session, read
        self._catalog, self._views = catalog.load(), catalog.views()
        self._known = [*catalog.identifiers(), *self._views]
        self._registered: set[str] = set()

    def register(self, sql: str, files: Mapping[str, Sequence[str]]) -> list[str]:
        """Make readable what a question names, with further relations; returns their files."""
        _require_reading(self._session, sql)
        wanted = wanted_by(self._session, sql, self._known, self._views, files)
        new = [name for name in wanted if name not in self._registered]
        paths = register(self._session, self._catalog, new, self._views, self._read)
        self._registered.update(new)
        look_in(self._session, self._registered)
        return [*paths, *register_files(self._session, files)]

    def answer(self, sql: str, parameters: Sequence[object] = ()) -> Answer:
        """Ask the question.

        Raises:
            QueryRejected: the engine refuses it.
            TableMissing: it names what is not there.
        """
        import duckdb

        try:
            result = self._session.execute(sql, list(parameters))
            rows = tuple(result.fetchall())
            described = result.description or []
        except duckdb.CatalogException as error:
            raise _missing(error, self._known) from error
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
            session.execute("SET python_enable_replacements = false")
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


def _fence(session: DuckDBPyConnection, allowed: Sequence[str]) -> None:
    """Close every way out but to these files. The order of the settings matters."""
    session.execute(f"SET allowed_paths = [{literals(allowed)}]")
    session.execute("SET autoinstall_known_extensions = false")
    session.execute("SET autoload_known_extensions = false")
    session.execute("SET enable_external_access = false")
    session.execute("SET lock_configuration = true")


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
