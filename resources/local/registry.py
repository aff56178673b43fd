"""The registry on SQLite: one file, several processes, short transactions.

The hazard is the ledger's as well: a transaction that reads first and writes later fails when
another wrote in between. So every method that writes takes the write lock first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resources.local.sqlite import Database
from resources.registry import (
    Published,
    Registry,
    RegistryResource,
    Switches,
    following,
    overtaken,
    published_of,
    published_record,
    switched_meanwhile,
    switches_of,
    switches_record,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS contract (
    source TEXT, version INTEGER, record TEXT NOT NULL, PRIMARY KEY (source, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS switches (source TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID
"""


class SqliteRegistry:
    """See `resources.registry.Registry`. One connection, shared by this process's threads."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def close(self) -> None:
        """Give the file back; the last process to do so tidies the write-ahead log."""
        self._database.close()

    def latest(self, source: str) -> Published | None:
        """See `Registry.latest`."""
        return _first(
            self._database.rows(
                "SELECT record FROM contract WHERE source = ? ORDER BY version DESC LIMIT 1", source
            )
        )

    def version(self, source: str, number: int) -> Published | None:
        """See `Registry.version`."""
        return _first(
            self._database.rows(
                "SELECT record FROM contract WHERE source = ? AND version = ?", source, number
            )
        )

    def versions(self, source: str) -> list[Published]:
        """See `Registry.versions`."""
        rows = self._database.rows(
            "SELECT record FROM contract WHERE source = ? ORDER BY version", source
        )
        return [published_of(record) for (record,) in rows]

    def publish(
        self, source: str, document: Mapping[str, Any], *, expected: int | None, note: str, by: str
    ) -> Published:
        """See `Registry.publish`."""
        with self._database.writing():
            latest = self.latest(source)
            new = following(latest, source, document, note=note, by=by)
            if latest is not None and latest.digest == new.digest:
                return latest
            if (None if latest is None else latest.version) != expected:
                raise overtaken(source, expected=expected, latest=latest)
            self._database.rows(
                "INSERT INTO contract VALUES (?, ?, ?)", source, new.version, published_record(new)
            )
        return new

    def switches(self, source: str) -> Switches:
        """See `Registry.switches`."""
        return switches_of(
            self._database.value("SELECT record FROM switches WHERE source = ?", source)
        )

    def set_switch(
        self, source: str, *, paused: bool, reason: str, expected: int, by: str
    ) -> Switches:
        """See `Registry.set_switch`."""
        with self._database.writing():
            found = self.switches(source)
            if found.version != expected:
                raise switched_meanwhile(source, expected=expected, found=found)
            new = Switches(paused, reason, expected + 1, datetime.now(UTC), by)
            self._database.rows("REPLACE INTO switches VALUES (?, ?)", source, switches_record(new))
        return new


class SqliteRegistryResource(RegistryResource):
    """The registry of one home.

    Attributes:
        path: the SQLite file; made, with its folder, when first opened.
    """

    path: str

    def open(self) -> Registry:
        """See `RegistryResource.open`."""
        return SqliteRegistry(Path(self.path))


def _first(rows: list[tuple[str]]) -> Published | None:
    return published_of(rows[0][0]) if rows else None
