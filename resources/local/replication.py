"""Loads and changes of any PostgreSQL from 14 on, in files shaped as AWS DMS writes them.

All tables of a load are read as of one moment, which is also a place in the database's log: what
was committed before is in the load, what comes after are its changes, with no gap and no overlap.
Rows stream from COPY through Arrow into Parquet; memory holds a few blocks of rows, whatever the
table's size.

The hazard: the report is what makes an execution count, and it is written last. Files of one
without a report belong to an attempt that died; they stay where they are and nothing reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from resources.local.copied import ValueUnfit, as_text, copied_blocks
from resources.local.load_files import LoadFiles, meanwhile
from resources.local.postgres import clock, connected, table_columns
from resources.local.replication_reports import (
    read_changes,
    read_load,
    write_changes,
    write_load,
)
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

    from resources.local.moment import Moment
    from resources.objects import ObjectStore
    from resources.validation import ValidationReport, ValidationRequest

_MIB = 1024 * 1024


class LocalReplication(ReplicationResource):
    """Reads PostgreSQL over its own protocols.

    Attributes:
        rows_per_file: rows in a file of a load at most.
        change_file_bytes: size before compression at which a file of changes ends.
        connect_timeout_seconds: how long to wait for the database to answer.
    """

    rows_per_file: int = 1_000_000
    change_file_bytes: int = 64 * _MIB
    connect_timeout_seconds: int = 10

    def clock(self, connection: Mapping[str, str]) -> datetime:
        """The source's declared clock, or its own time."""
        with connected(connection, timeout_seconds=self.connect_timeout_seconds) as session:
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
        from resources.local.moment import moment_of

        statistics: list[TableStatistics] = []
        with moment_of(request, connection, timeout_seconds=self.connect_timeout_seconds) as moment:
            for table in request.tables:
                first_record = 1 + sum(done.rows for done in statistics)
                statistics.append(
                    self._load_table(request, table, moment, landing, first_record=first_record)
                )
                log(f"{table.name}: {statistics[-1].rows} rows in {statistics[-1].files} files")
            finished_at = clock(moment.session, connection)
        report = LoadReport(
            source=request.source,
            load_id=request.load_id,
            started_at=request.started_at,
            finished_at=finished_at,
            tables=tuple(statistics),
            position=moment.position(request, record=sum(done.rows for done in statistics)),
        )
        write_load(landing, report)
        return report

    def finished_load(
        self, source: str, load_id: str, *, landing: ObjectStore
    ) -> LoadReport | None:
        """The report of a load that came to its end; None for one that did not."""
        return read_load(landing, source, load_id)

    def changes(
        self,
        request: ChangeRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> ChangeReport:
        """Write what was committed between `request.since` and now, and return what was written."""
        # psycopg is loaded with it, and definitions are to load fast.
        from resources.local.delivering import Delivering

        report = Delivering(
            request,
            connection=connection,
            landing=landing,
            log=log,
            file_bytes=self.change_file_bytes,
            timeout_seconds=self.connect_timeout_seconds,
        ).run()
        for done in report.tables:
            log(
                f"{done.table}: {done.inserts} inserts, {done.updates} updates and "
                f"{done.deletes} deletes on {done.landing_date}"
            )
        if report.counts:
            write_changes(landing, report)
        return report

    def finished_changes(
        self, source: str, execution_id: str, *, landing: ObjectStore
    ) -> ChangeReport | None:
        """The report of an execution that came to its end; None for one that did not."""
        return read_changes(landing, source, execution_id)

    def validation(
        self,
        request: ValidationRequest,
        *,
        connection: Mapping[str, str],
        log: Callable[[str], None],
    ) -> ValidationReport:
        """Compare what was delivered with the source; what it changed since is pending."""
        from resources.local.validating import Validating

        return Validating(
            request, connection=connection, log=log, timeout_seconds=self.connect_timeout_seconds
        ).run()

    def pending(self, connection: Mapping[str, str], source: str) -> bool | None:
        """See `ReplicationResource.pending`. Nothing is taken from the slot."""
        from resources.local.slot import has_more

        with connected(connection, timeout_seconds=self.connect_timeout_seconds) as session:
            return has_more(session, source)

    def _load_table(
        self,
        request: LoadRequest,
        table: SourceTable,
        moment: Moment,
        landing: ObjectStore,
        *,
        first_record: int,
    ) -> TableStatistics:
        prefix = f"{request.source}/{request.load_id}/{table.schema}/{table.table}/"
        capture = moment.captures.get(table.name, "")
        columns = table_columns(moment.session, table, with_generated=not capture)
        read = partial(self._read, request, table, moment.session, landing, prefix, first_record)
        try:
            done = read(columns)
        except ValueUnfit:
            for info in landing.list(prefix):
                landing.delete(info.key)
            done = read(as_text(columns))
        return TableStatistics(table.name, prefix, done.rows, done.files, done.bytes, capture)

    def _read(
        self,
        request: LoadRequest,
        table: SourceTable,
        session: psycopg.Connection[Any],
        landing: ObjectStore,
        prefix: str,
        first_record: int,
        columns: pa.Schema,
    ) -> LoadFiles:
        """Write the rows with these columns; the files that they are in."""
        with TemporaryDirectory(prefix="load-") as scratch:
            files = LoadFiles(
                prefix,
                columns,
                landing=landing,
                scratch=Path(scratch),
                rows_per_file=self.rows_per_file,
                started_at=request.started_at,
                first_record=first_record,
            )
            with closing(copied_blocks(session, table, columns)) as blocks:
                meanwhile(files.add, blocks)
            files.end_file()
        return files
