"""Replication: how the tables of a database reach the landing area.

The service writes files in the shapes of AWS DMS into landing and reports what it wrote; acceptance
into raw believes nothing but this report. A load is named by its id, which is also the epoch by
which its rows order themselves against other loads, so ids must sort by time.

The hazard: a load that died leaves whole, readable files behind. A load counts only when its report
exists, and the report is written last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from resources.objects import ObjectStore

# The columns that delivery adds to a table's own. On AWS, transformation rules of the task add the
# last two under these names.
OPERATION = "Op"
COMMIT_TIME = "dms_timestamp"
CHANGE_SEQUENCE = "ar_h_change_seq"


@dataclass(frozen=True)
class SourceTable:
    """A table as the platform calls it (`name`) and where the database keeps it."""

    name: str
    schema: str
    table: str


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
    """

    table: str
    prefix: str
    rows: int
    files: int
    bytes: int


@dataclass(frozen=True)
class LoadReport:
    """A finished load. `finished_at` is the source's time, in UTC."""

    source: str
    load_id: str
    started_at: datetime
    finished_at: datetime
    tables: tuple[TableStatistics, ...]


class ReplicationResource(dg.ConfigurableResource[Any], ABC):
    """Loads tables of a database into landing."""

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

        Raises:
            SourceUnreachable: the database does not answer.
            SourceRejected: it refuses the user, or has no such table.
            ObjectExists: another load of this id has begun.
        """

    @abstractmethod
    def finished_load(
        self, source: str, load_id: str, *, landing: ObjectStore
    ) -> LoadReport | None:
        """The report of a load that came to its end; None for one that did not."""

    def pending(self, connection: Mapping[str, str], source: str) -> bool | None:
        """Whether the source has something to read, asked at no cost; None when nobody can tell.

        Raises:
            SourceUnreachable: the database does not answer.
        """
        return None
