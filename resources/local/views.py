"""Views of one home, kept beside the tables: their names and queries, in the catalog's own file.

PyIceberg's SQL catalog has no views, so they have a table of their own in the same SQLite file,
which it never looks at. A view is a query and holds no rows: whoever asks it asks the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from resources.local.sqlite import Database
from resources.views import ViewDefinition

_SCHEMA = """
CREATE TABLE IF NOT EXISTS product360_views (
    identifier TEXT PRIMARY KEY,
    query TEXT NOT NULL,
    description TEXT NOT NULL
)
"""


def publish_view(file: Path, definition: ViewDefinition) -> bool:
    """Keep the view in place of an earlier one of its name; whether anything changed."""
    views = Database(file, _SCHEMA)
    try:
        with views.writing():
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
    finally:
        views.close()


def published_views(file: Path) -> Mapping[str, str]:
    """The query of every view, by identifier."""
    views = Database(file, _SCHEMA)
    try:
        return dict(views.rows("SELECT identifier, query FROM product360_views ORDER BY 1"))
    finally:
        views.close()
