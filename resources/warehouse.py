"""What a SQL reader over the published tables is: a question in, an answer out, nothing written.

Analysts, checks and previews all ask here, so that a number on a screen and a number in a check
come from the same place. The hazard is a reader that can also write or look around: whatever
implements this refuses every statement but a single query, by the engine's own parser and never by
text alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import dagster as dg

# A moment with its zone, or the name of a tag.
AsOf: TypeAlias = datetime | str


@dataclass(frozen=True)
class Answer:
    """The rows that a query gave, in its order, as Python values (Decimal, date, UTC datetime …).

    `types` are the engine's own names, such as DECIMAL(18,2).
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries; a column name that occurs twice keeps its last value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def single(self) -> dict[str, Any]:
        """The only row. ValueError when there is not exactly one."""
        if len(self.rows) != 1:
            raise ValueError(f"Expected one row, found {len(self.rows)}.")
        return self.records()[0]


class Ask(Protocol):
    """Answers questions of the platform's own; see `WarehouseResource.query`."""

    def __call__(self, sql: str, *, files: Mapping[str, Sequence[str]] | None = None) -> Answer:
        """Answer one of them."""
        ...


class WarehouseResource(dg.ConfigurableResource[Any], ABC):
    """Reads the published tables with SQL."""

    @abstractmethod
    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[object] = (),
        files: Mapping[str, Sequence[str]] | None = None,
        as_of: AsOf | None = None,
        at: Mapping[str, int] | None = None,
    ) -> Answer:
        """Answer one read-only statement, each table as of its newest snapshot or as it once was.

        Args:
            sql: SELECT (or WITH, VALUES, FROM …), DESCRIBE, SHOW, SUMMARIZE or EXPLAIN. Tables are
                named with their zone (`curated.product`) or without it (`product`).
            parameters: values for `?` in the statement.
            files: further relations by name, as URIs of Parquet files that share one schema; for
                the platform's own checks, never for a user's text.
            as_of: a moment, or the name of a tag: every table is read as it was then.
            at: snapshots to read whatever `as_of` says, by identifier of their tables; one that
                is not published yet may be among them.

        Raises:
            QueryRejected: another statement, more than one, or one that the engine refuses.
            TableMissing: a table that the catalog does not have, or did not have then.
        """

    @abstractmethod
    def asking(self, *, at: Mapping[str, int] | None = None) -> AbstractContextManager[Ask]:
        """Several questions of the platform's own, never of a user's text.

        What one has opened is open for the next, and each table stays what it was when it was first
        asked for. To open a session costs as much as most of these questions.

        Args:
            at: see `query`.
        """
