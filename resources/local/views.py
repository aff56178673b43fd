"""Views of one home, kept beside the tables: their names and queries, in the catalog's own file.

A view is a query and holds no rows: whoever asks it asks the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from resources.local.catalog_file import opened
from resources.views import ViewDefinition


def publish_view(file: Path, definition: ViewDefinition) -> bool:
    """Keep the view in place of an earlier one of its name; whether anything changed."""
    with opened(file) as views, views.writing():
        held = views.rows(
            "SELECT query, description FROM product360_views WHERE identifier = ?",
            definition.identifier,
        )
        if held == [(definition.query, definition.doc)]:
            return False
        views.rows(
            "INSERT OR REPLACE INTO product360_views VALUES (?, ?, ?)",
            definition.identifier,
            definition.query,
            definition.doc,
        )
    return True


def published_views(file: Path) -> Mapping[str, str]:
    """The query of every view, by identifier."""
    with opened(file) as views:
        return dict(views.rows("SELECT identifier, query FROM product360_views ORDER BY 1"))
