"""The published tables of a home: can a row of each be read?

They are read from the states that the catalog names, without opening the catalog, which would write
to its file. The hazard is a table whose metadata is whole and whose data is not; so a row is read,
and not only what describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from resources.doctor import Finding, ok
from resources.local.doctor_stores import CATALOG, reading


def look_at_tables(home: Path) -> Iterator[Finding]:
    """Whether a row of every published table can be read, from the state that the catalog names."""
    from pyarrow import ArrowException
    from pyiceberg.table import StaticTable

    with closing(reading(home / CATALOG.file)) as database:
        tables = database.execute(
            "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables"
            " WHERE metadata_location IS NOT NULL ORDER BY 1"
        ).fetchall()
    unread = 0
    for identifier, state in tables:
        try:
            StaticTable.from_metadata(state).scan(limit=1).to_arrow()
        except (OSError, ValueError, ArrowException) as error:
            unread += 1
            yield _unreadable(identifier, error)
    if unread < len(tables) or not tables:
        yield ok("published tables", f"{len(tables) - unread} of {len(tables)} can be read")


def _unreadable(identifier: str, error: Exception) -> Finding:
    # The message of anything but the file system may quote a row.
    said = ": ".join(filter(None, [type(error).__name__, getattr(error, "filename", None)]))
    return Finding(
        f"table {identifier}",
        "failed",
        f"it cannot be read ({said})",
        "every file that its state names",
        "put the files back from a backup, or let the table go back to an earlier state: "
        f"product360 rollback {identifier} --to SNAPSHOT",
    )
