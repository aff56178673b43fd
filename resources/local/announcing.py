"""A landing folder that says so when an object was created in it, as S3 does through EventBridge.

It wraps the folder: the object is written first, whole and durable, then it is announced. A process
that dies in between announced nothing, which is an event lost like any other.

The hazard: an announcement that fails must not fail the write, which has happened. Such an event is
lost too, with a warning; the listing finds the object.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from resources.errors import Product360Error
from resources.events import EventQueue, ObjectCreated, event_document
from resources.objects import Backend, ObjectInfo

_log = logging.getLogger(__name__)

# What AWS would say of whom and where; a folder has neither.
ACCOUNT = "000000000000"
REGION = "local"


class AnnouncingFolder:
    """See `resources.objects.Backend`; `bucket` is the name under which objects are announced."""

    def __init__(self, backend: Backend, bucket: str, queue: EventQueue) -> None:
        self.uri = backend.uri
        self._backend = backend
        self._bucket = bucket
        self._queue = queue

    def create(self, key: str, chunks: Iterable[bytes], *, size: int) -> None:
        """Write a new object, then announce it."""
        self._backend.create(key, chunks, size=size)
        self._announce(key, "PutObject")

    def copy(self, key: str, source: Backend, info: ObjectInfo, chunks: Iterable[bytes]) -> None:
        """Write a new object of the source's bytes, then announce it."""
        self._backend.copy(key, source, info, chunks)
        self._announce(key, "CopyObject")

    def open(self, key: str, chunk_bytes: int) -> tuple[ObjectInfo, Iterator[bytes]]:
        """The object as it is now, and its bytes."""
        return self._backend.open(key, chunk_bytes)

    def head(self, key: str) -> ObjectInfo:
        """The object as it is now."""
        return self._backend.head(key)

    def list(self, folder: str) -> Iterable[ObjectInfo]:
        """All objects below a folder ("" for all), in any order."""
        return self._backend.list(folder)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._backend.delete(key)

    def _announce(self, key: str, reason: str) -> None:
        try:
            info = self._backend.head(key)
            self._queue.send(event_document(_created(self._bucket, info, reason)))
        except (Product360Error, OSError) as error:
            _log.warning("%s is not announced (%s); the listing finds it", key, error)


def _created(bucket: str, info: ObjectInfo, reason: str) -> ObjectCreated:
    return ObjectCreated(
        event_id=str(uuid.uuid4()),
        time=datetime.now(UTC),
        account=ACCOUNT,
        region=REGION,
        bucket=bucket,
        key=info.key,
        size=info.size,
        etag=info.etag,
        version_id=None,
        sequencer=f"{time.time_ns():018X}",
        request_id=uuid.uuid4().hex[:16].upper(),
        requester=ACCOUNT,
        reason=reason,
    )
