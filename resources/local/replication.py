"""Full loads of any PostgreSQL: one snapshot of all tables, streamed into files shaped as DMS does.

All tables of a load are read in one REPEATABLE READ transaction, so they fit together. Rows stream
from COPY through Arrow into Parquet; memory holds one block of rows, whatever the table's size.

The hazard: the report is what makes a load count, and it is written last. Files of a load without a
report belong to an attempt that died; they stay where they are and nothing ever reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from resources.errors import ObjectMissing, ServiceUnavailable
from resources.local.dms_shapes import as_delivered, delivered_schema, load_file_name
from resources.local.postgres import clock, snapshot, table_columns, table_rows
from resources.replication import (
    ChangeReport,
    ChangeRequest,
    LoadReport,
    LoadRequest,
    ReplicationResource,
    SourceTable,
    TableStatistics,
)

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

    from resources.objects import ObjectStore


class LocalReplication(ReplicationResource):
    """Reads PostgreSQL over its own protocol.

    Attributes:
        rows_per_file: rows in a file at most.
        connect_timeout_seconds: how long to wait for the database to answer.
    """

    rows_per_file: int = 1_000_000
    connect_timeout_seconds: int = 10

    def clock(self, connection: Mapping[str, str]) -> datetime:
        """The source's declared clock, or its own time."""
        with snapshot(connection, timeout_seconds=self.connect_timeout_seconds) as session:
            return clock(session, connection)

    def full_load(
        self,
        request: LoadRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> LoadReport:
        """Write all rows of the tables, as of one moment, and return what was written."""
        statistics: list[TableStatistics] = []
        with snapshot(connection, timeout_seconds=self.connect_timeout_seconds) as session:
            for table in request.tables:
                first_record = 1 + sum(done.rows for done in statistics)
                statistics.append(
                    self._load_table(request, table, session, landing, first_record=first_record)
                )
                log(f"{table.name}: {statistics[-1].rows} rows in {statistics[-1].files} files")
            finished_at = clock(session, connection)
        report = LoadReport(
            source=request.source,
            load_id=request.load_id,
            started_at=request.started_at,
            finished_at=finished_at,
            tables=tuple(statistics),
        )
        landing.put(_report_key(request.source, request.load_id), _document(report))
        return report

    def finished_load(
        self, source: str, load_id: str, *, landing: ObjectStore
    ) -> LoadReport | None:
        """The report of a load that came to its end; None for one that did not."""
        try:
            document = json.loads(landing.read(_report_key(source, load_id)))
        except ObjectMissing:
            return None
        times = {
            name: datetime.fromisoformat(document[name]) for name in ("started_at", "finished_at")
        }
        tables = tuple(TableStatistics(**table) for table in document["tables"])
        return LoadReport(**{**document, **times, "tables": tables})

    def changes(
        self,
        request: ChangeRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> ChangeReport:
        """Refused: what reads the log of changes comes with the next commit."""
        raise ServiceUnavailable(
            f"changes of {request.source}",
            found="no reader of the database's log",
            expected="the reader of logical replication",
            next_move="load the tables again with reload: true",
        )

    def finished_changes(
        self, source: str, execution_id: str, *, landing: ObjectStore
    ) -> ChangeReport | None:
        """No execution has come to its end."""
        return None

    def _load_table(
        self,
        request: LoadRequest,
        table: SourceTable,
        session: psycopg.Connection[Any],
        landing: ObjectStore,
        *,
        first_record: int,
    ) -> TableStatistics:
        prefix = f"{request.source}/{request.load_id}/{table.schema}/{table.table}/"
        columns = table_columns(session, table)
        rows = files = size = 0
        with TemporaryDirectory(prefix="load-") as scratch:
            blocks = (
                as_delivered(block, started_at=request.started_at, first_record=first)
                for block, first in _numbered(table_rows(session, table, columns), first_record)
            )
            for path, count in self._files(blocks, delivered_schema(columns), Path(scratch)):
                size += landing.put_file(prefix + path.name, path).size
                path.unlink()
                rows, files = rows + count, files + 1
        return TableStatistics(table.name, prefix, rows=rows, files=files, bytes=size)

    def _files(
        self, blocks: Iterator[pa.RecordBatch], schema: pa.Schema, scratch: Path
    ) -> Iterator[tuple[Path, int]]:
        """Finished files in `scratch`, one at a time, and the rows in each."""
        import pyarrow.parquet as pq

        number, in_file, writer = 0, 0, None
        for block in blocks:
            offset = 0
            while offset < block.num_rows:
                if writer is None:
                    number, in_file = number + 1, 0
                    path = scratch / load_file_name(number)
                    writer = pq.ParquetWriter(path, schema)
                part = block.slice(offset, self.rows_per_file - in_file)
                writer.write_batch(part)
                offset, in_file = offset + part.num_rows, in_file + part.num_rows
                if in_file == self.rows_per_file:
                    writer.close()
                    writer = None
                    yield path, in_file
        if writer is not None:
            writer.close()
            yield path, in_file


def _numbered(
    blocks: Iterator[pa.RecordBatch], first_record: int
) -> Iterator[tuple[pa.RecordBatch, int]]:
    for block in blocks:
        yield block, first_record
        first_record += block.num_rows


def _report_key(source: str, load_id: str) -> str:
    return f"{source}/{load_id}/load.json"


def _document(report: LoadReport) -> bytes:
    return json.dumps(asdict(report), default=datetime.isoformat, indent=2).encode()
