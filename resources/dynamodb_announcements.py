"""Announcements on DynamoDB: one partition of the ledger's own table, an item for each object.

    pk           sk                                       holds
    announced    <bucket>/<hash of key and version>       an entry

The hazard: a sort key holds 1,024 bytes and an object's key may have as many, so it is hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from resources.announcements import (
    Announced,
    Announcements,
    AnnouncementsResource,
    announced_document,
    announced_of,
)
from resources.aws import client
from resources.dynamodb_items import ABSENT, WRITES_AT_ONCE, ItemTable, Write
from resources.ledger import LandedObject

_PARTITION = "announced"


class DynamoAnnouncements:
    """See `resources.announcements.Announcements`."""

    def __init__(self, table: ItemTable) -> None:
        self._table = table

    def remember(self, objects: Iterable[Announced]) -> None:
        """See `Announcements.remember`."""
        items = {_sort_key(each.landed): announced_document(each) for each in objects}
        writes = [
            Write({"pk": _PARTITION, "sk": key, "document": document}, ABSENT)
            for key, document in items.items()
        ]
        for some in _groups(writes):
            # All or none: with one of them kept already, the others are written one by one.
            if self._table.write(*some):
                for write in some:
                    self._table.write(write)

    def waiting(self) -> list[Announced]:
        """See `Announcements.waiting`."""
        found = (announced_of(str(item["document"])) for item in self._table.query(_PARTITION))
        return sorted(found, key=lambda each: each.landed)

    def forget(self, objects: Iterable[LandedObject]) -> None:
        """See `Announcements.forget`."""
        keys = dict.fromkeys(_sort_key(landed) for landed in objects)
        for some in _groups([Write({"pk": _PARTITION, "sk": k}, delete=True) for k in keys]):
            self._table.write(*some)


class DynamoAnnouncementsResource(AnnouncementsResource):
    """The announcements of a deployment.

    Attributes:
        table: the ledger's DynamoDB table.
    """

    table: str

    def open(self) -> Announcements:
        """See `AnnouncementsResource.open`."""
        return DynamoAnnouncements(ItemTable(client("dynamodb"), self.table))


def _sort_key(landed: LandedObject) -> str:
    named = f"{len(landed.key)}:{landed.key}{landed.version}"
    return f"{landed.bucket}/{hashlib.sha256(named.encode()).hexdigest()}"


def _groups(writes: Sequence[Write]) -> list[Sequence[Write]]:
    return [writes[at : at + WRITES_AT_ONCE] for at in range(0, len(writes), WRITES_AT_ONCE)]
