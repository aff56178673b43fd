"""The files of one table in a full load, as AWS DMS would write them, filled a block at a time.

The hazard: order. Files and change sequences count the rows as they come, so blocks are taken in
by one thread, one after the other; while it works, the next block is read from the database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from resources.local.copied import typed_rows
from resources.local.dms_shapes import as_delivered, delivered_schema, load_file_name
from resources.replication import CHANGE_SEQUENCE

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from resources.objects import ObjectStore

_Taken = TypeVar("_Taken")
# Rows of few bytes become larger by what delivery adds to them.
_ROWS_AT_ONCE: Final = 250_000
# Blocks that may wait while a finished file is put into landing.
_BLOCKS_AHEAD: Final = 3


@dataclass
class LoadFiles:
    """The files below `prefix`.

    Attributes:
        columns: the table's columns with their delivered types.
        scratch: an existing folder, where a file is before it is whole.
        rows_per_file: rows in a file at most.
        started_at: the time of the load.
        first_record: the number of the table's first row in the whole load.
        rows, files, bytes: what was written so far; bytes as they are in landing.
    """

    prefix: str
    columns: pa.Schema
    landing: ObjectStore
    scratch: Path
    rows_per_file: int
    started_at: datetime
    first_record: int
    rows: int = 0
    files: int = 0
    bytes: int = 0
    _writer: pq.ParquetWriter | None = None
    _in_file: int = 0

    def add(self, block: bytearray) -> None:
        """Write the rows of a block.

        Raises:
            ValueUnfit: the type of some column cannot hold one of its values.
        """
        rows = typed_rows(block, self.columns)
        while rows.num_rows:
            part = rows.slice(0, min(_ROWS_AT_ONCE, self.rows_per_file - self._in_file))
            first = self.first_record + self.rows
            # A row group of its own.
            self._open().write_batch(
                as_delivered(part, started_at=self.started_at, first_record=first)
            )
            self.rows += part.num_rows
            self._in_file += part.num_rows
            if self._in_file == self.rows_per_file:
                self.end_file()
            rows = rows.slice(part.num_rows)

    def end_file(self) -> None:
        """Put into landing what there is."""
        if self._writer is None:
            return
        self._writer.close()
        self.bytes += self.landing.put_file(self.prefix + self._path.name, self._path).size
        self._path.unlink()
        self._writer, self._in_file = None, 0

    def _open(self) -> pq.ParquetWriter:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            self.files += 1
            schema = delivered_schema(self.columns)
            # Only texts repeat enough to be worth it; sequences differ, but at their ends alone.
            repeated = [c.name for c in schema if c.type == pa.string()]
            repeated.remove(CHANGE_SEQUENCE)
            self._writer = pq.ParquetWriter(
                self._path,
                schema,
                use_dictionary=repeated,
                column_encoding={CHANGE_SEQUENCE: "DELTA_BYTE_ARRAY"},
            )
        return self._writer

    @property
    def _path(self) -> Path:
        return self.scratch / load_file_name(self.files)


def meanwhile(work: Callable[[_Taken], None], things: Iterable[_Taken]) -> None:
    """Do the work for one thing after the other in a second thread, while the next are made here.

    An error of either side ends both.
    """
    worker = ThreadPoolExecutor(1, thread_name_prefix="load")
    waiting: deque[Future[None]] = deque()
    try:
        for thing in things:
            waiting.append(worker.submit(work, thing))
            if len(waiting) > _BLOCKS_AHEAD:
                waiting.popleft().result()
        for last in waiting:
            last.result()
    finally:
        worker.shutdown(cancel_futures=True)
