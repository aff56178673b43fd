"""Changes of one table as the files that AWS DMS would write: whole transactions, in order.

Rows gather in memory up to `BLOCK_ROWS` or `BLOCK_BYTES`, then go to a file in a scratch folder; a
finished file is put into landing. A file ends with the transaction in which it reaches its size; it
ends within one only if that transaction alone exceeds the size, or if the columns change. It holds
changes of one landing date, and its name is the commit time of its first row.

The hazard: names must be unique and rise although commit times repeat. A name that is taken moves
on by a millisecond, if need be past midnight, so that it keeps its day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from resources.local.dms_shapes import (
    DELETE,
    INSERT,
    UPDATE,
    change_file_name,
    commit_time,
    sequence_time,
    with_delivery_columns,
)
from resources.local.pgoutput import Row
from resources.local.typed_text import typed_column
from resources.replication import ChangeStatistics

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from resources.objects import ObjectStore

BLOCK_ROWS: Final = 20_000
BLOCK_BYTES: Final = 8 * 1024 * 1024

# Fills in what the log left out of some rows; the numbers of the rows for which that was possible.
Completion = Callable[[Sequence[str], Sequence[Row]], Sequence[int]]


@dataclass
class _Written:
    files: int = 0
    bytes: int = 0
    ddls: int = 0
    operations: Counter[str] = field(default_factory=Counter)


@dataclass
class _Block:
    """Rows that wait for being written, a list for each of their parts."""

    rows: list[Row] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    bytes: int = 0
    is_complete: bool = True


@dataclass(frozen=True)
class _OpenFile:
    name: str
    day: date
    path: Path
    writer: pq.ParquetWriter


class ChangeFiles:
    """The files of one table in one execution. `file_bytes` is their size before compression."""

    def __init__(
        self,
        prefix: str,
        *,
        landing: ObjectStore,
        scratch: Path,
        file_bytes: int,
        complete: Completion,
    ) -> None:
        self.prefix = prefix
        self._landing = landing
        self._scratch = scratch
        self._file_bytes = file_bytes
        self._complete = complete
        self._columns: pa.Schema | None = None
        self._committed_at = datetime.min.replace(tzinfo=UTC)
        self._block = _Block()
        self._file: _OpenFile | None = None
        self._bytes_in_file = self._bytes_of_transaction = 0
        self._last_name = (date.min, -1)
        self._written: dict[date, _Written] = {}

    def begin(self, committed_at: datetime) -> None:
        """What comes now belongs to a transaction that was committed then."""
        if committed_at.date() != self._committed_at.date():
            self.end_file()
        self._committed_at = committed_at

    def describe(self, columns: pa.Schema) -> None:
        """The rows have these columns from here on; in a transaction."""
        if self._columns is not None and columns != self._columns:
            self.end_file()
            self._on(self._committed_at.date()).ddls += 1
        self._columns = columns

    def add(
        self, operation: str, row: Row, *, record: int, size: int, is_complete: bool = True
    ) -> None:
        """One change: its number in the task, and about how many bytes it has."""
        block = self._block
        block.rows.append(row)
        block.operations.append(operation)
        block.records.append(record)
        block.times.append(self._committed_at)
        block.bytes += size
        block.is_complete &= is_complete
        self._bytes_of_transaction += size
        if len(block.rows) >= BLOCK_ROWS or block.bytes >= BLOCK_BYTES:
            self._flush()
            if self._bytes_of_transaction >= self._file_bytes:
                self.end_file()

    def add_deleted(self, keys: pa.RecordBatch, *, first_record: int) -> None:
        """Rows that are gone, by their key columns; the others are null."""
        import numpy as np
        import pyarrow as pa

        count, at = keys.num_rows, self._committed_at
        arrays = [
            keys.column(column.name).cast(column.type)
            if column.name in keys.schema.names
            else pa.nulls(count, column.type)
            for column in self._layout
        ]
        delivered = with_delivery_columns(
            pa.RecordBatch.from_arrays(arrays, names=self._layout.names),
            operations=pa.repeat(DELETE, count),
            times=pa.repeat(commit_time(at), count),
            sequence_times=pa.scalar(sequence_time(at)),
            records=pa.array(np.arange(first_record, first_record + count)),
        )
        self._flush()
        self._write(delivered, first=at)
        self._on(at.date()).operations[DELETE] += count

    def commit(self) -> None:
        """The transaction is over; here a file may end."""
        self._bytes_of_transaction = 0
        if self._bytes_in_file + self._block.bytes >= self._file_bytes:
            self.end_file()

    def end_file(self) -> None:
        """Put into landing what there is."""
        self._flush()
        if (file := self._file) is None:
            return
        file.writer.close()
        written = self._on(file.day)
        written.bytes += self._landing.put_file(self.prefix + file.name, file.path).size
        written.files += 1
        file.path.unlink()
        self._file = None
        self._bytes_in_file = self._bytes_of_transaction = 0

    def statistics(self, table: str, epoch: str) -> list[ChangeStatistics]:
        """What was written, by landing date."""
        return [
            ChangeStatistics(
                table=table,
                epoch=epoch,
                landing_date=day,
                prefix=f"{self.prefix}{day:%Y%m%d}-",
                rows=written.operations.total(),
                files=written.files,
                bytes=written.bytes,
                inserts=written.operations[INSERT],
                updates=written.operations[UPDATE],
                deletes=written.operations[DELETE],
                ddls=written.ddls,
            )
            for day, written in sorted(self._written.items())
        ]

    def _on(self, day: date) -> _Written:
        return self._written.setdefault(day, _Written())

    def _flush(self) -> None:
        """Write the rows that wait to the file."""
        block, self._block = self._block, _Block()
        if not block.is_complete:
            block = _picked(block, self._complete(self._layout.names, block.rows))
        if block.rows:
            self._write(self._delivered(block), first=block.times[0])
            self._bytes_in_file += block.bytes
            self._on(block.times[0].date()).operations.update(block.operations)

    def _write(self, delivered: pa.RecordBatch, *, first: datetime) -> None:
        if self._file is not None and self._file.writer.schema != delivered.schema:
            self.end_file()
        if self._file is None:
            self._file = self._open(first, delivered.schema)
        self._file.writer.write_batch(delivered)

    @property
    def _layout(self) -> pa.Schema:
        # The log describes a table's columns before its first row.
        assert self._columns is not None
        return self._columns

    def _delivered(self, block: _Block) -> pa.RecordBatch:
        import pyarrow as pa

        columns = zip(zip(*block.rows, strict=True), self._layout, strict=True)
        arrays = [typed_column(values, column.type) for values, column in columns]
        # Rows of a transaction share their time, so that few times are ever spelled.
        times = {at: commit_time(at) for at in set(block.times)}
        digits = {at: sequence_time(at) for at in times}
        return with_delivery_columns(
            pa.RecordBatch.from_arrays(arrays, names=self._layout.names),
            operations=pa.array(block.operations, pa.string()),
            times=pa.array([times[at] for at in block.times], pa.string()),
            sequence_times=pa.array([digits[at] for at in block.times], pa.string()),
            records=pa.array(block.records, pa.int64()),
        )

    def _open(self, first: datetime, schema: pa.Schema) -> _OpenFile:
        import pyarrow.parquet as pq

        day = first.date()
        since_midnight = first - datetime.combine(day, datetime.min.time(), first.tzinfo)
        millisecond = int(since_midnight.total_seconds() * 1000)
        if self._last_name[0] == day:
            millisecond = max(millisecond, self._last_name[1] + 1)
        self._last_name = (day, millisecond)
        path = self._scratch / "changes.parquet"
        return _OpenFile(
            change_file_name(day, millisecond), day, path, pq.ParquetWriter(path, schema)
        )


def _picked(block: _Block, numbers: Sequence[int]) -> _Block:
    """The block of these rows only."""
    return _Block(
        rows=[block.rows[number] for number in numbers],
        operations=[block.operations[number] for number in numbers],
        records=[block.records[number] for number in numbers],
        times=[block.times[number] for number in numbers],
        bytes=block.bytes,
    )
