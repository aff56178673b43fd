"""What a home's catalog file holds beside PyIceberg's own tables: views, and entries of files.

PyIceberg's SQL catalog knows neither, and never looks at these tables. They share one version of
their schema, as SQLite keeps one number for a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.local.sqlite import Database

_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS product360_views (
    identifier TEXT PRIMARY KEY,
    query TEXT NOT NULL,
    description TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS product360_entries (
    identifier TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS product360_partitions (
    identifier TEXT NOT NULL,
    part_values TEXT NOT NULL,
    location TEXT NOT NULL,
    layout TEXT NOT NULL,
    PRIMARY KEY (identifier, part_values)
)
"""


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    """The file, for as long as it is needed; made where it is missing."""
    database = Database(file, _SCHEMA, schema_version=_SCHEMA_VERSION)
    try:
        yield database
    finally:
        database.close()
