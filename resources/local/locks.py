"""The locks of the ledger on SQLite, in the ledger's own file: a fence needs one transaction."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Self

from resources.local.sqlite import Database
from resources.locks import Lock, lock_held, lock_lost
from resources.owners import Owner
from resources.records import lock_of, owner_document

# Without an owner a lock is free; its row stays, because the token must never fall.
SCHEMA = """
CREATE TABLE IF NOT EXISTS lock (
    name TEXT PRIMARY KEY, token INTEGER NOT NULL, beat INTEGER NOT NULL, owner TEXT,
    since TEXT NOT NULL
) WITHOUT ROWID
"""


class SqliteLocks:
    """The part of `resources.ledger.Ledger` that is about locks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: Lock | None = None

    def lock(self, name: str) -> Lock | None:
        """See `Ledger.lock`."""
        rows = self._database.rows(
            "SELECT token, beat, owner, since FROM lock WHERE name = ? AND owner IS NOT NULL", name
        )
        return lock_of(name, *rows[0]) if rows else None

    def take_lock(self, name: str, owner: Owner, *, over: Lock | None) -> Lock:
        """See `Ledger.take_lock`."""
        with self._database.writing():
            held = self.lock(name)
            if held is not None and held != over:
                raise lock_held(held)
            last = self._database.value("SELECT token FROM lock WHERE name = ?", name) or 0
            taken = Lock(name, last + 1, 0, owner, datetime.now(UTC))
            self._database.rows(
                "REPLACE INTO lock (name, token, beat, owner, since) VALUES (?, ?, ?, ?, ?)",
                name,
                taken.token,
                taken.beat,
                owner_document(owner),
                taken.since.isoformat(),
            )
        return taken

    def renew_lock(self, lock: Lock) -> Lock:
        """See `Ledger.renew_lock`."""
        with self._database.writing():
            self._require(lock)
            self._database.rows("UPDATE lock SET beat = beat + 1 WHERE name = ?", lock.name)
            renewed = self.lock(lock.name)
        assert renewed is not None
        return renewed

    def release_lock(self, lock: Lock) -> None:
        """See `Ledger.release_lock`."""
        self._database.rows(
            "UPDATE lock SET owner = NULL WHERE name = ? AND token = ?", lock.name, lock.token
        )

    def under(self, lock: Lock) -> Self:
        """See `Ledger.under`."""
        fenced = copy.copy(self)
        fenced._held = lock
        return fenced

    def _fence(self) -> None:
        """Within a transaction: go on only if the lock that this ledger is under is still held."""
        if self._held is not None:
            self._require(self._held)

    def _require(self, lock: Lock) -> None:
        now = self.lock(lock.name)
        if now is None or now.token != lock.token:
            raise lock_lost(lock, now)
