"""The event queue as an Amazon SQS queue, which EventBridge fills: S3, rule, queue, sensor.

How often a message may be handed out, and where the dead ones go, is the queue's own redrive
policy; a queue without one never buries anything.

The hazard: SQS hands out ten messages a request, and an empty answer may come from servers that
have none while others have. So the first request looks at all of them, which takes up to a second;
what the later ones miss is there the next time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

from resources.aws import client, translated
from resources.errors import ServiceUnavailable
from resources.events import (
    VISIBILITY_SECONDS,
    EventQueue,
    EventQueueResource,
    Message,
    QueueDepth,
)

# Messages in one request, at most.
AT_ONCE = 10
LOOK_SECONDS = 1


class SqsClient(Protocol):
    """What is asked of the SDK's client."""

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> object: ...  # noqa: D102, N803
    def receive_message(self, **arguments: object) -> Mapping[str, Any]: ...  # noqa: D102
    def delete_message_batch(  # noqa: D102
        self,
        *,
        QueueUrl: str,  # noqa: N803
        Entries: Sequence[Mapping[str, str]],  # noqa: N803
    ) -> object: ...
    def get_queue_attributes(  # noqa: D102
        self,
        *,
        QueueUrl: str,  # noqa: N803
        AttributeNames: Sequence[str],  # noqa: N803
    ) -> Mapping[str, Any]: ...
    def get_queue_url(self, *, QueueName: str) -> Mapping[str, Any]: ...  # noqa: D102, N803


class SqsQueue:
    """See `resources.events.EventQueue`."""

    def __init__(self, url: str, *, visibility_seconds: float = VISIBILITY_SECONDS) -> None:
        self._url = url
        self._visibility = round(visibility_seconds)

    def send(self, body: str) -> None:
        """See `EventQueue.send`."""
        with self._answering():
            self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def receive(self, limit: int) -> list[Message]:
        """See `EventQueue.receive`."""
        found: list[Message] = []
        while len(found) < limit:
            with self._answering():
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=min(AT_ONCE, limit - len(found)),
                    VisibilityTimeout=self._visibility,
                    WaitTimeSeconds=0 if found else LOOK_SECONDS,
                    AttributeNames=["ApproximateReceiveCount"],
                )
            messages = answer.get("Messages", [])
            if not messages:
                break
            found += [_message(each) for each in messages]
        return found

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """See `EventQueue.acknowledge`.

        What SQS does not remove, it hands out again.
        """
        receipts = [message.receipt for message in messages]
        for start in range(0, len(receipts), AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(receipts[start : start + AT_ONCE])
            ]
            with self._answering():
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def depth(self) -> QueueDepth:
        """See `EventQueue.depth`."""
        with self._answering():
            attributes = self._attributes(self._url)
            dead = 0
            if policy := attributes.get("RedrivePolicy"):
                name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
                url = self._client.get_queue_url(QueueName=name)["QueueUrl"]
                dead = int(self._attributes(url)["ApproximateNumberOfMessages"])
        return QueueDepth(
            waiting=int(attributes["ApproximateNumberOfMessages"]),
            handed_out=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            dead=dead,
        )

    def _attributes(self, url: str) -> Mapping[str, str]:
        answer = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes: Mapping[str, str] = answer["Attributes"]
        return attributes

    @cached_property
    def _client(self) -> SqsClient:
        made: SqsClient = client("sqs")
        return made

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from botocore.exceptions import ClientError

        try:
            with translated("Amazon SQS", self._url):
                yield
        except ClientError as error:
            raise ServiceUnavailable(
                f"Amazon SQS, {self._url}",
                found=str(error),
                expected="the queue that EventBridge fills",
                next_move="check the queue's URL, its region and the rights on it",
            ) from error


class SqsQueueResource(EventQueueResource):
    """A queue of Amazon SQS.

    Attributes:
        url: the queue's URL.
    """

    url: str

    def open(self) -> EventQueue:
        """See `EventQueueResource.open`."""
        return SqsQueue(self.url)


def _message(said: Mapping[str, Any]) -> Message:
    return Message(
        said["MessageId"],
        said["ReceiptHandle"],
        said["Body"],
        int(said.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
    )
