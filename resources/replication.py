"""Replication: how the tables of a database reach the landing area, and stay up to date there.

The service writes files in the shapes of AWS DMS into landing and reports what it wrote; acceptance
into raw believes nothing but this report. A load is named by its id, which is also the epoch by
which its rows order themselves against other loads, so ids must sort by time. Changes continue
where the load of their table ended, and belong to its epoch.

The hazard: an execution that died leaves whole, readable files behind. It counts only when its
report exists, and the report is written last. What the source may forget is decided later still: an
execution's changes are let go of when the next one says that they count.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from resources.objects import ObjectStore
    from resources.validation import ValidationReport, ValidationRequest

# The columns that delivery adds to a table's own. On AWS, transformation rules of the task add the
# last two under these names.
OPERATION = "Op"
COMMIT_TIME = "dms_timestamp"
CHANGE_SEQUENCE = "ar_h_change_seq"

# An execution that found nothing is recorded only when it came so far in the source's log; until
# then the source keeps that much of it.
IDLE_LOG_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class SourceTable:
    """A table as the platform calls it (`name`) and where the database keeps it.

    Attributes:
        key: the columns that tell its rows apart, as the database calls them; none: its identity.
    """

    name: str
    schema: str
    table: str
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamPosition:
    """A place in a source's log of changes: everything before it was delivered.

    Attributes:
        system: which server's log; a place in another's means nothing.
        lsn: bytes from the log's beginning.
        committed_at: the latest commit time so far; no later change has an earlier one.
        record: number of the last record delivered.
    """

    system: str
    lsn: int
    committed_at: datetime
    record: int

    @property
    def text(self) -> str:
        """The position as one line, which `of` reads again."""
        return f"{self.system} {self.lsn} {self.committed_at.isoformat()} {self.record}"

    @classmethod
    def of(cls, text: str) -> StreamPosition:
        """The position that `text` states."""
        system, lsn, committed_at, record = text.split(" ")
        return cls(system, int(lsn), datetime.fromisoformat(committed_at), int(record))


@dataclass(frozen=True)
class LoadRequest:
    """A full load of tables of one source, all as of one moment.

    Attributes:
        load_id: unique and sorting by time, such as `20180101T080000Z-0001`.
        started_at: the source's time at which the load counts as delivered; UTC.
    """

    source: str
    load_id: str
    started_at: datetime
    tables: tuple[SourceTable, ...]


@dataclass(frozen=True)
class TableStatistics:
    """What a load wrote of one table. An empty table has no files, as with DMS.

    Attributes:
        table: the platform's name of the table.
        prefix: landing keys of its files begin with this.
        bytes: size of the files.
        capture: what the source captures the table's changes by; none when it does not. Another
            text later means that there may be changes between that nobody captured.
    """

    table: str
    prefix: str
    rows: int
    files: int
    bytes: int
    capture: str = ""


@dataclass(frozen=True)
class LoadReport:
    """A finished load.

    Attributes:
        finished_at: the source's time, in UTC.
        position: the place in the source's log at which the rows were read; None when the source's
            changes are not captured.
    """

    source: str
    load_id: str
    started_at: datetime
    finished_at: datetime
    tables: tuple[TableStatistics, ...]
    position: StreamPosition | None = None


@dataclass(frozen=True)
class CapturedTable:
    """A loaded table whose changes are wanted.

    Attributes:
        epoch: id of the load that its changes follow.
        loaded: where in the log it was read; earlier changes are in it.
        capture: what the load reported.
        delivered: landing prefixes of the epoch's load and of all changes that count.
    """

    table: SourceTable
    epoch: str
    loaded: StreamPosition
    capture: str
    delivered: tuple[str, ...]


@dataclass(frozen=True)
class ChangeRequest:
    """An execution that delivers what changed since the last one that counts.

    Attributes:
        execution_id: names the folder in landing; unique within the source.
        since: where the last execution that counts ended; the source may forget everything before.
            None for the first one.
        tables: all tables of the source that are loaded. One that is missing misses its changes.
    """

    source: str
    execution_id: str
    since: StreamPosition | None
    tables: tuple[CapturedTable, ...]


@dataclass(frozen=True)
class ChangeStatistics:
    """What an execution wrote of one table for one landing date, counted as DMS does.

    Attributes:
        prefix: landing keys of these files, and of no others, begin with this.
        rows: of the files; `inserts` + `updates` + `deletes`.
        deletes: with those by which a truncated table's rows went.
        ddls: how often the table's columns were others than before.
    """

    table: str
    epoch: str
    landing_date: date
    prefix: str
    rows: int
    files: int
    bytes: int
    inserts: int
    updates: int
    deletes: int
    ddls: int


@dataclass(frozen=True)
class ChangeReport:
    """A finished execution; times are the source's, in UTC.

    Attributes:
        until: where the next execution goes on.
        moved: bytes of the source's log that it read.
        tables: in order of table and landing date; those without changes are not mentioned.
    """

    source: str
    execution_id: str
    started_at: datetime
    finished_at: datetime
    until: StreamPosition
    moved: int
    tables: tuple[ChangeStatistics, ...]

    @property
    def counts(self) -> bool:
        """Whether it is to be recorded; if not, it may as well not have been."""
        return bool(self.tables) or self.moved >= IDLE_LOG_BYTES


class ReplicationResource(dg.ConfigurableResource[Any], ABC):
    """Loads tables of a database into landing, and then delivers what changes in them."""

    @abstractmethod
    def clock(self, connection: Mapping[str, str]) -> datetime:
        """The source's time now, in UTC.

        Raises:
            SourceUnreachable: the database does not answer.
        """

    @abstractmethod
    def full_load(
        self,
        request: LoadRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> LoadReport:
        """Write all rows of the tables, as of one moment, and return what was written.

        From that moment on the source keeps their changes, unless the connection says
        `"changes": "none"`.

        Raises:
            SourceUnreachable: the database does not answer.
            SourceRejected: it refuses the user, has no such table, or cannot capture its changes.
            ObjectExists: another load of this id has begun.
        """

    @abstractmethod
    def finished_load(
        self, source: str, load_id: str, *, landing: ObjectStore
    ) -> LoadReport | None:
        """The report of a load that came to its end; None for one that did not."""

    @abstractmethod
    def changes(
        self,
        request: ChangeRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> ChangeReport:
        """Write what was committed between `request.since` and now, and return what was written.

        A file holds whole transactions, or a part of a larger one. The source still keeps these
        changes when this returns: the next call, from this report's `until`, lets go of them.

        Raises:
            ChangesLost: the source no longer has all changes since then.
            SourceUnreachable: the database does not answer, or another process reads its changes.
            SourceRejected: it refuses the user, or delivers changes without the table's key.
            ObjectExists: another execution of this id has begun.
        """

    @abstractmethod
    def finished_changes(
        self, source: str, execution_id: str, *, landing: ObjectStore
    ) -> ChangeReport | None:
        """The report of an execution that came to its end; None for one that did not."""

    def pending(self, connection: Mapping[str, str], source: str) -> bool | None:
        """Whether the source has something to read, asked at no cost; None when nobody can tell.

        Raises:
            SourceUnreachable: the database does not answer.
        """
        return None

    def validation(
        self,
        request: ValidationRequest,
        *,
        connection: Mapping[str, str],
        log: Callable[[str], None],
    ) -> ValidationReport | None:
        """Compare what was delivered with the source; None when this service does not compare.

        Raises:
            ChangesLost, SourceUnreachable, SourceRejected: as for `changes`.
        """
        return None
