"""Announcements on SQLite: one file beside the ledger's, so that neither waits for the other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from resources.announcements import (
    Announced,
    Announcements,
    AnnouncementsResource,
    announced_document,
    announced_of,
)
from resources.ledger import LandedObject
from resources.local.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS announced (
    bucket TEXT, key TEXT, version TEXT, document TEXT NOT NULL,
    PRIMARY KEY (bucket, key, version)
) WITHOUT ROWID;
"""


class SqliteAnnouncements:
    """See `resources.announcements.Announcements`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def remember(self, objects: Iterable[Announced]) -> None:
        """See `Announcements.remember`."""
        rows = [
            (each.landed.bucket, each.landed.key, each.landed.version, announced_document(each))
            for each in objects
        ]
        if rows:
            with self._database.writing():
                self._database.many("INSERT OR IGNORE INTO announced VALUES (?, ?, ?, ?)", rows)

    def waiting(self) -> list[Announced]:
        """See `Announcements.waiting`."""
        rows = self._database.rows("SELECT document FROM announced ORDER BY bucket, key, version")
        return [announced_of(document) for (document,) in rows]

    def forget(self, objects: Iterable[LandedObject]) -> None:
        """See `Announcements.forget`."""
        rows = [(landed.bucket, landed.key, landed.version) for landed in objects]
        if rows:
            with self._database.writing():
                self._database.many(
                    "DELETE FROM announced WHERE bucket = ? AND key = ? AND version = ?", rows
                )

    @cached_property
    def _database(self) -> Database:
        return Database(self._path, _SCHEMA)


class SqliteAnnouncementsResource(AnnouncementsResource):
    """The announcements of one home.

    Attributes:
        path: the SQLite file; made, with its folder, when first used.
    """

    path: str

    def open(self) -> Announcements:
        """See `AnnouncementsResource.open`."""
        return SqliteAnnouncements(Path(self.path))
