"""What a view is to the catalog and the warehouse: a name for a query over published tables.

The dictionary of views lives with that of the tables; here it is met only by its shape.
"""

from __future__ import annotations

from typing import Protocol


class ViewDefinition(Protocol):
    """One view; `query` is SQL that DuckDB and Athena read alike, over names with their zone."""

    @property
    def identifier(self) -> str: ...  # noqa: D102
    @property
    def doc(self) -> str: ...  # noqa: D102
    @property
    def query(self) -> str: ...  # noqa: D102
