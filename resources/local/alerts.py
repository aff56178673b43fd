"""The store of alerts on SQLite: one file beside the ledger's."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from resources.alerts import AlertStore, AlertStoreResource
from resources.local.sqlite import Database

_SCHEMA = "CREATE TABLE IF NOT EXISTS alert (key TEXT PRIMARY KEY, document TEXT NOT NULL)"


class SqliteAlertStore:
    """See `resources.alerts.AlertStore`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, key: str) -> str | None:
        """See `AlertStore.read`."""
        found: str | None = self._database.value("SELECT document FROM alert WHERE key = ?", key)
        return found

    def swap(self, key: str, document: str, *, expected: str | None) -> bool:
        """See `AlertStore.swap`."""
        with self._database.writing():
            if self.read(key) != expected:
                return False
            self._database.rows("REPLACE INTO alert VALUES (?, ?)", key, document)
        return True

    def all(self) -> dict[str, str]:
        """See `AlertStore.all`."""
        return dict(self._database.rows("SELECT key, document FROM alert"))

    @cached_property
    def _database(self) -> Database:
        return Database(self._path, _SCHEMA)


class SqliteAlertStoreResource(AlertStoreResource):
    """The alerts of one home.

    Attributes:
        path: the SQLite file; made, with its folder, when first used.
    """

    path: str

    def open(self) -> AlertStore:
        """See `AlertStoreResource.open`."""
        return SqliteAlertStore(Path(self.path))
