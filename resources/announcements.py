"""What was announced and is not clean yet: the landing sensor's work, kept until it is done.

A message of the queue may be acknowledged only when what it asks for stands somewhere else, on
disk; this is where. Two stores behave alike: SQLite (`resources.local.announcements`) and DynamoDB
(`resources.dynamodb_announcements`).

The hazard: this is no second ledger. An entry says "somebody saw this object" and nothing more;
whether it was accepted is asked of the ledger, and a lost entry is found again by listing.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import dagster as dg

from resources.ledger import LandedObject


@dataclass(frozen=True)
class Announced:
    """One version of a delivered object that has to become clean; `seen_at` is in UTC.

    Attributes:
        table, landing_date: as the listing knows them; None for what only an event announced.
    """

    source: str
    landed: LandedObject
    seen_at: datetime
    table: str | None = None
    landing_date: date | None = None


class Announcements(Protocol):
    """What every store of them does. All methods are safe to call from several processes."""

    def remember(self, objects: Iterable[Announced]) -> None:
        """Keep these, by (bucket, key, version); stored when this returns. Repeating is nothing."""

    def waiting(self) -> list[Announced]:
        """Everything that is kept, by (bucket, key, version)."""

    def forget(self, objects: Iterable[LandedObject]) -> None:
        """Drop these; one that is not kept is no error."""


class AnnouncementsResource(dg.ConfigurableResource[Any], ABC):
    """Opens the announcements of the chosen environment."""

    @abstractmethod
    def open(self) -> Announcements:
        """The announcements, ready to use."""


def announced_document(announced: Announced) -> str:
    """The entry as text; the same entry, the same text."""
    landed, day = announced.landed, announced.landing_date
    return json.dumps(
        {
            "source": announced.source,
            "bucket": landed.bucket,
            "key": landed.key,
            "version": landed.version,
            "size": landed.size,
            "seen_at": announced.seen_at.isoformat(),
            "table": announced.table,
            "landing_date": None if day is None else day.isoformat(),
        },
        sort_keys=True,
    )


def announced_of(document: str) -> Announced:
    """The entry that `announced_document` wrote."""
    said = json.loads(document)
    day = said["landing_date"]
    return Announced(
        source=said["source"],
        landed=LandedObject(said["bucket"], said["key"], said["version"], said["size"]),
        seen_at=datetime.fromisoformat(said["seen_at"]),
        table=said["table"],
        landing_date=None if day is None else date.fromisoformat(day),
    )
