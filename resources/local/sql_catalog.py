"""PyIceberg's SQL catalog, which says of a commit that lost that it may be tried again.

PyIceberg tries a commit again when the catalog says `CommitFailedException`: nothing was applied.
Two losses are told otherwise. SQLite that was busy for too long is an error of the database; and a
snapshot whose place in the sequence another branch has taken is a `ValueError`. Neither has written
anything. The hazard is to call by that name what may have been applied: so only these two are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    from pyiceberg.table import CommitTableResponse, Table
    from pyiceberg.table.update import TableRequirement, TableUpdate


class LocalSqlCatalog(SqlCatalog):
    """The catalog on one SQLite file."""

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """Apply a commit.

        Raises:
            CommitFailedException: it was not applied, and may be tried again.
        """
        try:
            return super().commit_table(table, requirements, updates)
        except OperationalError as error:
            if not is_busy(error):
                raise
            raise CommitFailedException(f"the catalog's file is busy: {error}") from error
        except ValueError as error:
            if "sequence number" not in str(error):
                raise
            raise CommitFailedException(f"another commit was faster: {error}") from error


def is_busy(error: Exception) -> bool:
    """Whether SQLite gave up waiting for others, before it wrote anything."""
    return any(word in str(error) for word in ("is locked", "is busy"))
