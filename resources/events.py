"""Events: what a store says when an object was created, and the queue in which that waits.

A message is Amazon EventBridge's "Object Created" of S3, to the letter; locally the landing zone
writes the same. Two queues behave alike: a folder (`resources.local.events`) and Amazon SQS
(`resources.sqs`). One behaviour suite holds for both.

The hazard: an event is a hint. It may come twice, late, in any order or never, so nothing may
depend on one; whoever reads the queue compares with the ledger, and a listing finds what was lost.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import dagster as dg

from resources.errors import EventInvalid

OBJECT_CREATED = "Object Created"
S3 = "aws.s3"

# A message that was handed out is hidden for so long; not acknowledged by then, it comes again.
VISIBILITY_SECONDS = 60.0
# A message that was handed out so often without being acknowledged is dead.
RECEIVES = 5


@dataclass(frozen=True)
class ObjectCreated:
    """One object was written; `etag` is the store's version of its bytes, `size` in bytes.

    Attributes:
        version_id: of a store that keeps versions; None elsewhere.
        sequencer: hexadecimal; orders the events of one key, and of one key only.
        reason: how it was written, such as `PutObject` or `CompleteMultipartUpload`.
    """

    event_id: str
    time: datetime
    account: str
    region: str
    bucket: str
    key: str
    size: int
    etag: str
    version_id: str | None
    sequencer: str
    request_id: str
    requester: str
    reason: str


@dataclass(frozen=True)
class Message:
    """A text from a queue; `receipt` is what acknowledges this hand-out of it."""

    message_id: str
    receipt: str
    body: str
    receives: int


@dataclass(frozen=True)
class QueueDepth:
    """How many messages wait, are handed out and not acknowledged, and are dead.

    SQS says about how many.
    """

    waiting: int
    handed_out: int
    dead: int


class EventQueue(Protocol):
    """What every queue does. All methods are safe to call from several processes at once."""

    def send(self, body: str) -> None:
        """Add a message; it is stored when this returns."""

    def receive(self, limit: int) -> list[Message]:
        """At most `limit` messages, each hidden from everybody for a while; none when none wait.

        A message that was handed out too often goes to the dead ones instead.
        """

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Remove messages for good. One that was handed out again since stays, and comes again."""

    def depth(self) -> QueueDepth:
        """How full the queue is."""


class EventQueueResource(dg.ConfigurableResource[Any], ABC):
    """Opens the queue of landing's events in the chosen environment."""

    @abstractmethod
    def open(self) -> EventQueue:
        """The queue. Nothing is contacted before it is used."""


def event_document(event: ObjectCreated) -> str:
    """The event as EventBridge writes it."""
    written: dict[str, Any] = {"key": event.key, "size": event.size, "etag": event.etag}
    if event.version_id is not None:
        written["version-id"] = event.version_id
    written["sequencer"] = event.sequencer
    return json.dumps(
        {
            "version": "0",
            "id": event.event_id,
            "detail-type": OBJECT_CREATED,
            "source": S3,
            "account": event.account,
            "time": f"{event.time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": event.region,
            "resources": [f"arn:aws:s3:::{event.bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": event.bucket},
                "object": written,
                "request-id": event.request_id,
                "requester": event.requester,
                "reason": event.reason,
            },
        },
        ensure_ascii=False,
    )


def event_of(document: str) -> ObjectCreated | None:
    """The event in a message; None for a well-formed one that announces something else.

    Raises:
        EventInvalid: the text is no event, or lacks what one must have.
    """
    try:
        said = json.loads(document)
        if (said["source"], said["detail-type"]) != (S3, OBJECT_CREATED):
            return None
        return _created(said)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EventInvalid(
            "a message of the event queue",
            # What it holds is not repeated: anybody may have written it.
            found=f"{len(document)} characters that cannot be read ({type(error).__name__})",
            expected="EventBridge's Object Created of S3, with bucket, key, size and etag",
            next_move="leave it: after a few more tries it is with the dead messages, where it "
            "can be read; the object itself is found by listing",
        ) from error


def _created(said: Mapping[str, Any]) -> ObjectCreated:
    detail = said["detail"]
    written = detail["object"]
    return ObjectCreated(
        event_id=str(said["id"]),
        time=datetime.fromisoformat(said["time"]),
        account=str(said["account"]),
        region=str(said["region"]),
        bucket=str(detail["bucket"]["name"]),
        key=str(written["key"]),
        size=int(written["size"]),
        etag=str(written["etag"]),
        version_id=written.get("version-id"),
        sequencer=str(written["sequencer"]),
        request_id=str(detail.get("request-id", "")),
        requester=str(detail.get("requester", "")),
        reason=str(detail.get("reason", "")),
    )
