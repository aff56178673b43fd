"""The changes of one table, as rows of its files: insert, update, delete, and what is made of more.

An update that changes the key is a deletion of the old key and an insertion of the new one. A
TRUNCATE is a deletion of every row that was delivered and stands. Columns are those of the moment:
when they change, the next file has the new ones.

The hazard: a deletion that does not name the table's key says nothing to anybody. A log that holds
one is refused, and a new load is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from resources.local.change_files import ChangeFiles
from resources.local.dms_shapes import DELETE, DELIVERY_COLUMNS, INSERT, UPDATE
from resources.local.pgoutput import UNCHANGED, Column, Delete, Insert, Relation, Row, Update
from resources.local.slot import changes_lost
from resources.local.typed_text import column_type
from resources.local.unchanged import UnchangedValues
from resources.replication import CapturedTable, ChangeStatistics

if TYPE_CHECKING:
    import pyarrow as pa

# A value that has to be read again counts as much until its size is known.
_UNCHANGED_BYTES: Final = 64 * 1024


class TableChanges:
    """Turns changes of one table into rows of its files.

    Args:
        source: the source's name.
        captured: the table, its load and what captures it.
        files: where its rows go.
        unchanged: what completes rows.
        standing: the keys of all rows that were delivered and stand, by the key's columns.
    """

    def __init__(
        self,
        source: str,
        captured: CapturedTable,
        *,
        files: ChangeFiles,
        unchanged: UnchangedValues,
        standing: Callable[[tuple[str, ...]], Iterator[pa.RecordBatch]],
    ) -> None:
        self.loaded_lsn = captured.loaded.lsn
        self._source = source
        self._captured = captured
        self._files = files
        self._unchanged = unchanged
        self._standing = standing
        self._relation: Relation | None = None
        self._is_described = False
        self._key: tuple[int, ...] = ()
        self._names_rows = False

    def describe(self, relation: Relation) -> None:
        """The table looks like this from here on."""
        self._relation, self._is_described = relation, False

    def begin(self, committed_at: datetime) -> None:
        """A transaction that was committed then has changes of this table."""
        self._files.begin(committed_at)

    def change(self, event: Insert | Update | Delete, size: int, *, record: int) -> int:
        """One change, after record number `record`; the number of the last record made of it."""
        if not self._is_described:
            self._look()
        if isinstance(event, Insert):
            return self._add(INSERT, event.new, record, size)
        if not self._names_rows:
            raise self._lost("changes that do not name the table's key")
        if isinstance(event, Delete):
            return self._add(DELETE, event.old, record, size)
        old, new = event.old, event.new
        if old is None:
            return self._add(UPDATE, new, record, size)
        self._take_over(old, new)
        if all(old[column] == new[column] for column in self._key):
            return self._add(UPDATE, new, record, size)
        record = self._add(DELETE, old, record, size)
        return self._add(INSERT, new, record, size)

    def truncate(self, *, record: int) -> int:
        """All rows are gone, after record number `record`; the number of the last deletion."""
        if not self._is_described:
            self._look()
        self._files.end_file()
        for keys in self._standing(self._unchanged.key):
            self._files.add_deleted(keys, first_record=record + 1)
            record += keys.num_rows
        return record

    def commit(self) -> None:
        """The transaction is over."""
        self._files.commit()

    def finish(self) -> list[ChangeStatistics]:
        """Put what is left into landing; what was written, by landing date."""
        self._files.end_file()
        return self._files.statistics(self._captured.table.name, self._captured.epoch)

    def _add(self, operation: str, row: Row, record: int, size: int) -> int:
        unchanged = sum(value is UNCHANGED for value in row)
        self._files.add(
            operation,
            row,
            record=record + 1,
            size=size + unchanged * _UNCHANGED_BYTES,
            is_complete=not unchanged,
        )
        return record + 1

    def _take_over(self, old: Row, new: Row) -> None:
        """What an update left alone, from the old row, as far as the log holds that."""
        for place, column in enumerate(self._columns):
            if new[place] is UNCHANGED and column.is_identity:
                new[place] = old[place]

    def _look(self) -> None:
        """See what the table looks like now."""
        import pyarrow as pa

        columns = self._columns
        names = [column.name for column in columns]
        key = self._captured.table.key or tuple(c.name for c in columns if c.is_identity)
        if missing := [name for name in key if name not in names]:
            raise self._lost(f"rows without the key column {missing[0]}")
        if taken := DELIVERY_COLUMNS.intersection(names):
            raise self._lost(f"a column named {min(taken)}, as delivery names its own")
        self._key = tuple(names.index(name) for name in key)
        self._names_rows = bool(key) and all(columns[place].is_identity for place in self._key)
        self._unchanged.key = key
        self._files.describe(pa.schema([pa.field(c.name, column_type(c)) for c in columns]))
        self._is_described = True

    @property
    def _columns(self) -> tuple[Column, ...]:
        # The log describes a table before its first change.
        assert self._relation is not None
        return self._relation.columns

    def _lost(self, found: str) -> Exception:
        return changes_lost(self._source, [self._captured.table.name], found=found)
