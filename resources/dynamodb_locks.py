"""The locks of the ledger on DynamoDB: one item each, and a fence that is part of the write.

    pk                sk       holds
    lock#<name>       lock     token, beat, since, and the owner while somebody holds it

The item of a free lock stays, because the token must never fall.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Self

from resources.dynamodb_items import ABSENT, Item, ItemTable, Write
from resources.locks import Lock, lock_held, lock_lost
from resources.owners import Owner
from resources.records import lock_of, owner_document

_FREE = ""
_SAME_TOKEN = "#token = :token"
_HELD = f"{_SAME_TOKEN} AND #owner <> :free"
_AS_READ = f"{_SAME_TOKEN} AND #beat = :beat"


class DynamoLocks:
    """The part of `resources.ledger.Ledger` that is about locks."""

    def __init__(self, table: ItemTable) -> None:
        self._table = table
        self._held: Lock | None = None

    def lock(self, name: str) -> Lock | None:
        """See `Ledger.lock`."""
        item = self._table.get(f"lock#{name}", "lock")
        return None if item is None else _lock(name, item)

    def take_lock(self, name: str, owner: Owner, *, over: Lock | None) -> Lock:
        """See `Ledger.take_lock`."""
        while True:
            found = self._table.get(f"lock#{name}", "lock")
            held = None if found is None else _lock(name, found)
            if held is not None and held != over:
                raise lock_held(held)
            last = 0 if found is None else int(found["token"])
            taken = Lock(name, last + 1, 0, owner, datetime.now(UTC))
            if not self._table.write(_if_still(_item(taken), found)):
                return taken

    def renew_lock(self, lock: Lock) -> Lock:
        """See `Ledger.renew_lock`."""
        renewed = Lock(lock.name, lock.token, lock.beat + 1, lock.owner, lock.since)
        if self._table.write(Write(_item(renewed), _HELD, _held(lock))):
            raise lock_lost(lock, self.lock(lock.name))
        return renewed

    def release_lock(self, lock: Lock) -> None:
        """See `Ledger.release_lock`."""
        free = _item(lock) | {"owner": _FREE}
        self._table.write(Write(free, _SAME_TOKEN, {"token": lock.token}))

    def under(self, lock: Lock) -> Self:
        """See `Ledger.under`."""
        fenced = copy.copy(self)
        fenced._held = lock
        return fenced

    def _write_fenced(self, write: Write) -> bool:
        """Do the write if its condition holds and the lock that this ledger is under is held.

        Returns:
            Whether it was done; not when its own condition failed.
        """
        fence = () if self._held is None else (_check(self._held),)
        failed = self._table.write(write, *fence)
        if self._held is not None and 1 in failed:
            raise lock_lost(self._held, self.lock(self._held.name))
        return not failed


def _check(lock: Lock) -> Write:
    return Write(_item(lock), _HELD, _held(lock), check=True)


def _held(lock: Lock) -> dict[str, str | int]:
    return {"token": lock.token, "free": _FREE}


def _if_still(item: Item, found: Item | None) -> Write:
    if found is None:
        return Write(item, ABSENT)
    return Write(item, _AS_READ, {"token": int(found["token"]), "beat": int(found["beat"])})


def _item(lock: Lock) -> Item:
    return {
        "pk": f"lock#{lock.name}",
        "sk": "lock",
        "token": lock.token,
        "beat": lock.beat,
        "owner": owner_document(lock.owner),
        "since": lock.since.isoformat(),
    }


def _lock(name: str, item: Item) -> Lock | None:
    owner = str(item["owner"])
    if owner == _FREE:
        return None
    return lock_of(name, int(item["token"]), int(item["beat"]), owner, str(item["since"]))
