"""Large values that an update left alone: the log does not hold them, so they are read by key.

With REPLICA IDENTITY FULL the log holds the whole old row, and nothing is ever asked for here.
Without it the value is that of now, as with AWS DMS: if it has changed since, the change that did
so is in the log, further on, and ends in the same row.

The hazard: the row may be gone by now. Then nobody knows its value at that change; the change is
left out, because the deletion comes further on, and null would be a lie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from resources.local.pgoutput import UNCHANGED, Row
from resources.local.slot import changes_lost
from resources.replication import SourceTable

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

_ROWS_AT_ONCE: Final = 100


class UnchangedValues:
    """Completes changed rows of one table, asking the database itself."""

    def __init__(
        self,
        session: psycopg.Connection[Any],
        source: str,
        table: SourceTable,
        *,
        log: Callable[[str], None],
    ) -> None:
        self._session = session
        self._source = source
        self._table = table
        self._log = log
        #: The columns by which rows are found.
        self.key: tuple[str, ...] = table.key

    def complete(self, names: Sequence[str], rows: Sequence[Row]) -> list[int]:
        """Fill in what is unchanged; the numbers of the rows that are complete, in order.

        Raises:
            ChangesLost: a column of the row is no longer there.
        """
        wanted = [number for number, row in enumerate(rows) if UNCHANGED in row]
        columns = [
            column for column, name in enumerate(names)
            if any(rows[number][column] is UNCHANGED for number in wanted)
        ]  # fmt: skip
        gone: set[int] = set()
        for first in range(0, len(wanted), _ROWS_AT_ONCE):
            part = wanted[first : first + _ROWS_AT_ONCE]
            found = self._read(names, columns, [rows[number] for number in part])
            for place, number in enumerate(part):
                if place in found:
                    _fill(rows[number], columns, found[place])
                else:
                    gone.add(number)
        if gone:
            self._log(f"{self._table.name}: {len(gone)} changes of rows that were deleted since")
        return [number for number in range(len(rows)) if number not in gone]

    def _read(
        self, names: Sequence[str], columns: Sequence[int], rows: Sequence[Row]
    ) -> dict[int, list[bytes | None]]:
        """The columns' values now, as text, by the place of the row; without rows that are gone."""
        import psycopg

        keys = [[_text(row[names.index(column)]) for row in rows] for column in self.key]
        try:
            cursor = self._session.execute(self._query([names[c] for c in columns]), keys)
        except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable) as error:
            raise changes_lost(
                self._source,
                [self._table.name],
                found="a large value that an update left alone, in a column that is gone by now",
            ) from error
        result = cursor.pgresult
        assert result is not None
        return {
            int(result.get_value(row, 0) or b"0") - 1: [
                result.get_value(row, 1 + place) for place in range(len(columns))
            ]
            for row in range(result.ntuples)
        }

    def _query(self, wanted: Sequence[str]) -> Composed:
        from psycopg.sql import SQL, Identifier

        table = Identifier(self._table.schema, self._table.table)
        types = self._session.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = (%s::text)::regclass AND attname = ANY(%s)",
            (table.as_string(self._session), list(self.key)),
        ).fetchall()
        kinds = {name: SQL(kind) for name, kind in types}
        numbered = [(Identifier(f"k{place}"), name) for place, name in enumerate(self.key)]
        return SQL(
            "SELECT k.place, {} FROM unnest({}) WITH ORDINALITY AS k({}, place) JOIN {} t ON {}"
        ).format(
            SQL(", ").join(SQL("t.{}").format(Identifier(name)) for name in wanted),
            SQL(", ").join(SQL("%s::text[]") for _ in self.key),
            SQL(", ").join(place for place, _ in numbered),
            table,
            SQL(" AND ").join(
                SQL("t.{} = k.{}::{}").format(Identifier(name), place, kinds.get(name, SQL("text")))
                for place, name in numbered
            ),
        )


def _fill(row: Row, columns: Sequence[int], values: Sequence[bytes | None]) -> None:
    for column, value in zip(columns, values, strict=True):
        if row[column] is UNCHANGED:
            row[column] = value


def _text(value: object) -> str | None:
    return value.decode() if isinstance(value, bytes) else None
