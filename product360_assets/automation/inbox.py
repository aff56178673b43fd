"""The landing sensor's inbox: from events and listings to work that is remembered.

    receive       messages of the queue, each hidden from everybody else for a while
    remember      what they announce and is work, durably
    acknowledge   the messages, which now may go
    reconcile     now and then all of landing is listed, to remember what no event announced

A process may die between any two of these: what was not acknowledged comes again, and remembering
twice is remembering once.

The hazard is the cost of the listing, which grows with history. It may take a fiftieth of the time:
right after a short one the next may come, after a long one it waits, an hour at the longest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from product360_assets.automation.landing import LandingDesk
from product360_assets.automation.tick_log import TickLog
from product360_assets.core.contract import SourceContract
from product360_assets.raw.pending import pending_objects
from resources.announcements import Announced, Announcements
from resources.errors import EventInvalid, ServiceUnavailable
from resources.events import EventQueue, Message, ObjectCreated, event_of
from resources.ledger import LandedObject, Ledger
from resources.objects import LakeResource

MESSAGES_AT_ONCE = 1_000
LISTING_SHARE = 50
LONGEST_PAUSE_SECONDS = 3600.0


@dataclass(frozen=True)
class Cursor:
    """When landing was listed last and how long that took, in seconds. Lost, it is listed again."""

    listed_at: float = 0.0
    took: float = 0.0

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """The cursor in a text that `write` made; a new one when it is something else."""
        try:
            return cls(**json.loads(text or "{}"))
        except (TypeError, ValueError):
            return cls()

    def write(self) -> str:
        """The cursor as a text."""
        return json.dumps(asdict(self))

    def is_listing_due(self, now: float, *, silent: bool) -> bool:
        """Whether to list now; while events come, they tell enough for the longest pause."""
        pause = min(self.took * LISTING_SHARE, LONGEST_PAUSE_SECONDS)
        # A clock that was put back must not put the listing off.
        return not 0 <= now - self.listed_at < (pause if silent else LONGEST_PAUSE_SECONDS)


@dataclass
class Inbox:
    """Takes in what was announced; `tell` hears why each object was taken or skipped."""

    contracts: Mapping[str, SourceContract]
    queue: EventQueue
    announcements: Announcements
    ledger: Ledger
    lake: LakeResource
    tell: TickLog

    def receive(self) -> int:
        """Remember what the waiting messages announce, then acknowledge them; how many they were.

        What cannot be read is not acknowledged: the queue hands it out again, then buries it.
        """
        messages = self.queue.receive(MESSAGES_AT_ONCE)
        read = {message: event for message in messages for event in self._events(message)}
        now = datetime.now(UTC)
        seen = [_announced(event, now) for event in read.values() if event is not None]
        outcomes = LandingDesk(self.contracts, self.ledger, self.lake, now).outcomes(seen)
        self.announcements.remember(
            each for each, outcome in zip(seen, outcomes, strict=True) if not outcome.ended
        )
        self.queue.acknowledge(read)
        for outcome in outcomes:
            self.tell("skipped" if outcome.ended else "taken", outcome.landed.key, outcome.reason)
        return len(messages)

    def reconcile(self) -> float:
        """Remember what the listing finds and nobody announced; how many seconds that took."""
        began = time.monotonic()
        waiting = self.announcements.waiting()
        known = {each.landed for each in waiting if each.landing_date is not None}
        now = datetime.now(UTC)
        found: list[Announced] = []
        for contract in self.contracts.values():
            for pending in pending_objects(contract, ledger=self.ledger, lake=self.lake):
                if pending.landed not in known:
                    landed, day = pending.landed, pending.landing_date
                    found.append(Announced(contract.name, landed, now, pending.table, day))
        # What an event said of them before is less than what the listing says.
        self.announcements.forget(each.landed for each in found)
        self.announcements.remember(found)
        for each in found:
            self.tell("taken", each.landed.key, "the listing found it")
        return time.monotonic() - began

    def _events(self, message: Message) -> list[ObjectCreated | None]:
        try:
            return [event_of(message.body)]
        except EventInvalid as error:
            self.tell("skipped", f"message {message.message_id}", error.found)
            return []


def take_in(inbox: Inbox, cursor: Cursor, *, now: float) -> Cursor:
    """Receive what waits, list landing if it is time, and return the cursor to keep.

    A queue that does not answer is silent: then the listing is all there is.
    """
    try:
        received = inbox.receive()
    except ServiceUnavailable as error:
        inbox.tell("skipped", "the event queue", str(error))
        received = 0
    if not cursor.is_listing_due(now, silent=not received):
        return cursor
    return Cursor(listed_at=now, took=inbox.reconcile())


def _announced(event: ObjectCreated, now: datetime) -> Announced:
    landed = LandedObject(event.bucket, event.key, event.etag, event.size)
    return Announced(event.key.partition("/")[0], landed, now)
