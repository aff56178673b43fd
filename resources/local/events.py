"""The event queue as a folder: one file for each message, and its name says when it can be had.

    queue/<visible from, ms>-<times handed out>-<message id>.json
    dead/<message id>.json

Handing out is one rename, to a later time and a higher count; of two processes that try, one
succeeds. What is not acknowledged until then is simply visible again. A message is written beside
the queue, synced, and put in place by a rename, so nobody ever sees half of one.

The hazard: the machine's clock may be put back. A message that is hidden for longer than any
message can be was hidden by a clock that has been; it counts as visible.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from resources.events import (
    RECEIVES,
    VISIBILITY_SECONDS,
    EventQueue,
    EventQueueResource,
    Message,
    QueueDepth,
)
from resources.storage import writing_to

# As long as SQS can keep one. What it announced was found by listing long before.
KEPT_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True)
class _Name:
    """What a file's name says; times in milliseconds since 1970."""

    visible_from: int
    receives: int
    message_id: str

    def __str__(self) -> str:
        return f"{self.visible_from:013d}-{self.receives:03d}-{self.message_id}.json"

    @property
    def sent_at(self) -> int:
        """When the message was sent; its id begins with that."""
        return int(self.message_id.partition("-")[0])


class FolderQueue:
    """See `resources.events.EventQueue`. `clock` gives seconds since 1970."""

    def __init__(
        self,
        folder: Path,
        *,
        visibility_seconds: float = VISIBILITY_SECONDS,
        receives: int = RECEIVES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._queue = folder / "queue"
        self._dead = folder / "dead"
        self._hidden = round(visibility_seconds * 1000)
        self._receives = receives
        self._clock = clock

    def send(self, body: str) -> None:
        """See `EventQueue.send`."""
        now = self._now()
        name = _Name(now, 0, f"{now:013d}-{uuid.uuid4().hex[:12]}")
        with writing_to(self._folder):
            for folder in (self._queue, self._dead):
                folder.mkdir(parents=True, exist_ok=True)
            staged = self._folder / f".{name.message_id}"
            try:
                with staged.open("x", encoding="utf-8") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                staged.rename(self._queue / str(name))
            finally:
                staged.unlink(missing_ok=True)
            _sync(self._queue)

    def receive(self, limit: int) -> list[Message]:
        """See `EventQueue.receive`."""
        found: list[Message] = []
        now = self._now()
        for name in sorted(self._names(), key=str):
            if len(found) == limit:
                break
            if now < name.visible_from <= now + self._hidden:
                continue
            if name.receives >= self._receives:
                self._bury(name)
            elif now - name.sent_at > KEPT_SECONDS * 1000:
                (self._queue / str(name)).unlink(missing_ok=True)
            elif (message := self._hand_out(name, now)) is not None:
                found.append(message)
        return found

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """See `EventQueue.acknowledge`."""
        for message in messages:
            # Handed out again since, it has another name.
            (self._queue / message.receipt).unlink(missing_ok=True)

    def depth(self) -> QueueDepth:
        """See `EventQueue.depth`."""
        now = self._now()
        hidden = [now < name.visible_from <= now + self._hidden for name in self._names()]
        dead = len(os.listdir(self._dead)) if self._dead.is_dir() else 0
        return QueueDepth(hidden.count(False), hidden.count(True), dead)

    def _now(self) -> int:
        return round(self._clock() * 1000)

    def _names(self) -> Iterator[_Name]:
        with suppress(FileNotFoundError):
            for entry in os.listdir(self._queue):
                visible_from, receives, message_id = entry.removesuffix(".json").split("-", 2)
                yield _Name(int(visible_from), int(receives), message_id)

    def _hand_out(self, name: _Name, now: int) -> Message | None:
        """Hide the message and return it; None when somebody else was first."""
        hidden = _Name(now + self._hidden, name.receives + 1, name.message_id)
        try:
            (self._queue / str(name)).rename(self._queue / str(hidden))
            body = (self._queue / str(hidden)).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        return Message(name.message_id, str(hidden), body, hidden.receives)

    def _bury(self, name: _Name) -> None:
        with suppress(FileNotFoundError):
            (self._queue / str(name)).rename(self._dead / f"{name.message_id}.json")


class FolderQueueResource(EventQueueResource):
    """The queue of one home.

    Attributes:
        path: its folder; made when something is sent.
    """

    path: str

    def open(self) -> EventQueue:
        """See `EventQueueResource.open`."""
        return FolderQueue(Path(self.path))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
