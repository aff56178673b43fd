"""One execution that delivers changes: from where the last one ended to where the log ends now.

The hazard: a process can die at any instant. Until the report stands, nothing that was written
counts, and the server has been told to forget only what the execution before had delivered; so the
same changes come again, in another execution's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg

from resources.local.captured_table import TableChanges
from resources.local.capturing import Capturing, held_messages
from resources.local.change_files import ChangeFiles
from resources.local.change_log import ChangeLog, change_log, lsn_of
from resources.local.delivered_keys import standing_keys
from resources.local.postgres import clock, connected
from resources.local.publication import captures, relation_of, stream_name
from resources.local.slot import changes_lost, check_captures, slot_of, start_of, wait_for_slot
from resources.local.unchanged import UnchangedValues
from resources.replication import (
    CapturedTable,
    ChangeReport,
    ChangeRequest,
    ChangeStatistics,
    StreamPosition,
)

if TYPE_CHECKING:
    from resources.objects import ObjectStore

_CLOCK_MESSAGE = "clock_message"


@dataclass(frozen=True)
class Delivering:
    """An execution, and what it works with.

    Attributes:
        file_bytes: size before compression at which a file ends.
        timeout_seconds: how long to wait for the database to answer.
    """

    request: ChangeRequest
    connection: Mapping[str, str]
    landing: ObjectStore
    log: Callable[[str], None]
    file_bytes: int
    timeout_seconds: int

    def run(self) -> ChangeReport:
        """Write what was committed since the last execution that counts; see `changes`."""
        request = self.request
        with (
            connected(self.connection, timeout_seconds=self.timeout_seconds) as session,
            change_log(self.connection, timeout_seconds=self.timeout_seconds) as log,
        ):
            started_at = clock(session, self.connection)
            system = log.system()
            now = captures(session, request.source, [t.table for t in request.tables])
            check_captures(request.source, request.tables, now)
            start = start_of(
                slot_of(session, request.source),
                source=request.source,
                system=system,
                since=request.since,
                tables=request.tables,
            )
            capturing, written = self._deliver(session, log, start)
            committed_at, record = capturing.position
            return ChangeReport(
                source=request.source,
                execution_id=request.execution_id,
                started_at=started_at,
                finished_at=clock(session, self.connection),
                until=StreamPosition(system, capturing.lsn, committed_at, record),
                moved=capturing.lsn - start,
                tables=tuple(written),
            )

    def _deliver(
        self, session: psycopg.Connection[Any], log: ChangeLog, start: int
    ) -> tuple[Capturing, list[ChangeStatistics]]:
        request = self.request
        with ExitStack() as opened:
            scratch = Path(opened.enter_context(TemporaryDirectory(prefix="changes-")))
            tables = {
                relation_of(session, captured.table).oid: self._table(session, captured, scratch)
                for captured in request.tables
            }
            capturing = Capturing(
                tables,
                since=self._since(start),
                loads=[captured.loaded for captured in request.tables],
                clock_prefix=self.connection.get(_CLOCK_MESSAGE),
                held=opened.enter_context(held_messages()),
            )
            self._read(session, log, capturing, start)
            written = [done for table in tables.values() for done in table.finish()]
        return capturing, written

    def _read(
        self, session: psycopg.Connection[Any], log: ChangeLog, capturing: Capturing, start: int
    ) -> None:
        """Read the log to where it ends now."""
        [(end,)] = session.execute("SELECT pg_current_wal_lsn()::text").fetchall()
        target = lsn_of(end)
        try:
            wait_for_slot(session, self.request.source, self.connection)
            messages = log.messages(
                stream_name(self.request.source),
                stream_name(self.request.source),
                since=start,
                target=target,
                with_messages=_CLOCK_MESSAGE in self.connection,
            )
            for data in messages:
                capturing.take(data)
                if capturing.lsn >= target:
                    return
        except (
            psycopg.errors.ObjectNotInPrerequisiteState,
            psycopg.errors.UndefinedObject,
            psycopg.errors.UndefinedFile,
        ) as error:
            names = [captured.table.name for captured in self.request.tables]
            raise changes_lost(self.request.source, names, found=str(error).strip()) from error
        capturing.lsn = max(capturing.lsn, log.read_to)

    def _table(
        self, session: psycopg.Connection[Any], captured: CapturedTable, scratch: Path
    ) -> TableChanges:
        request, table = self.request, captured.table
        own = scratch / table.name
        own.mkdir()
        unchanged = UnchangedValues(session, request.source, table, log=self.log)
        prefix = f"{request.source}/{request.execution_id}/{table.schema}/{table.table}/"
        files = ChangeFiles(
            prefix,
            landing=self.landing,
            scratch=own,
            file_bytes=self.file_bytes,
            complete=unchanged.complete,
        )
        return TableChanges(
            request.source,
            captured,
            files=files,
            unchanged=unchanged,
            standing=lambda key: standing_keys(
                self.landing, [*captured.delivered, prefix], key, scratch=own
            ),
        )

    def _since(self, start: int) -> StreamPosition:
        since = self.request.since
        if since is None:
            return StreamPosition("", start, datetime.min.replace(tzinfo=UTC), 0)
        return StreamPosition(since.system, start, since.committed_at, since.record)
