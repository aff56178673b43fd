"""Validation: whether what was delivered of a database's tables still says what the database holds.

States, counts and failures have the names and shapes of AWS DMS: `DescribeTableStatistics` for a
table, `awsdms_validation_failures_v1` for a row. A failure names the table, the key, the file and
the columns that differ.

The hazard: DMS writes the values that differ into its failures. Here no value of a row is told but
its key, and of the key nothing that the source's contract wants hidden.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from resources.objects import ObjectStore
from resources.replication import CapturedTable, StreamPosition

ValidationState = Literal[
    "Not enabled",
    "Pending validation",
    "Pending records",
    "Mismatched records",
    "Suspended records",
    "No primary key",
    "Table error",
    "Validated",
]
FailureType = Literal["RECORD_DIFF", "MISSING_SOURCE", "MISSING_TARGET", "TABLE_WARNING"]

# More rows of a table than these are not told one by one, as with DMS (TableFailureMaxCount).
FAILURES_TOLD = 1_000
HIDDEN = "hidden"


@dataclass(frozen=True)
class DeliveredFile:
    """A Parquet file that was delivered of a table, wherever it is kept now."""

    store: ObjectStore
    key: str

    @property
    def name(self) -> str:
        """What failures call it: the zone and the key."""
        return f"{self.store.bucket}/{self.key}"


@dataclass(frozen=True)
class TableToValidate:
    """A table of which everything, or what was delivered lately, is to be compared.

    Attributes:
        files: all files of the table's epoch, or those that came since it was validated.
        is_whole: whether they are all; only then are rows missed that no file tells of.
        missing: what is known to have been delivered and is gone, in words.
        hidden: the source's columns of which no value may be told.
    """

    captured: CapturedTable
    files: tuple[DeliveredFile, ...]
    is_whole: bool
    missing: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ValidationRequest:
    """Tables of one source, and where its last execution that counts came to (None: none did)."""

    source: str
    since: StreamPosition | None
    tables: tuple[TableToValidate, ...]


@dataclass(frozen=True)
class ValidationFailure:
    """One row, or with TABLE_WARNING one table, that is not the same on both sides.

    Attributes:
        key: the values of the row's key as text, some perhaps hidden; none for a table.
        file: where the row's last change was delivered; "" when no file tells of it.
        row: its place in the file, counted from 1; None without a file.
        columns: those that differ; none when the row is on one side only.
    """

    failure_type: FailureType
    key: tuple[str | None, ...] = ()
    file: str = ""
    row: int | None = None
    columns: tuple[str, ...] = ()
    said: str = ""

    def record(self, request: ValidationRequest, table: TableToValidate) -> dict[str, Any]:
        """The failure as a row of `awsdms_validation_failures_v1`, and its file beside it."""
        known = table.captured.table
        return {
            "TASK_NAME": request.source,
            "TABLE_OWNER": known.schema,
            "TABLE_NAME": known.table,
            "KEY_TYPE": "Row" if self.key else "Table",
            "KEY": json.dumps({"key": self.key}, ensure_ascii=False),
            "FAILURE_TYPE": self.failure_type,
            "DETAILS": self.said or ", ".join(self.columns),
            "FILE": self.file,
            "ROW": self.row,
        }


@dataclass(frozen=True)
class TableValidation:
    """What came of a table.

    Attributes:
        compared: rows that were compared, those that are on one side only among them; 0 where the
            service does not say.
        failed, suspended: rows that differ: those that are told, and those beyond.
        pending: rows that changed at the source while nothing has delivered that yet.
        failures: records as `ValidationFailure.record` makes them.
    """

    table: str
    state: ValidationState
    compared: int = 0
    failed: int = 0
    suspended: int = 0
    pending: int = 0
    failures: tuple[Mapping[str, Any], ...] = field(default=())


@dataclass(frozen=True)
class ValidationReport:
    """A finished validation; `validated_at` is the source's time, in UTC."""

    source: str
    validated_at: datetime
    tables: tuple[TableValidation, ...]
