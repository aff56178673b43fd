"""Streams of Amazon Kinesis Data Streams, read by polling: no enhanced fan-out, no lease table.

An iterator is used again as long as its reader goes on where it stopped, and made anew from the
sequence number otherwise: after five minutes it expires. Being throttled is waited for by the SDK,
with growing pauses; a stream that throttles for longer does not answer.

The hazard is an empty answer: Kinesis may give none of the records that are there, and only "not
behind" and "ended" say that nothing is left. And a shard allows five reads a second to all of its
readers together, so one reader takes its time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, timedelta
from functools import cached_property
from typing import Any, Protocol

from resources.aws import client, translated
from resources.errors import ServiceUnavailable
from resources.event_streams import (
    MOST_RECORDS,
    EventStream,
    EventStreamsResource,
    Page,
    Record,
    Shard,
    no_such_stream,
)

# Between two reads of a shard.
PACE_SECONDS = 0.2
_NO_STREAM = "ResourceNotFoundException"
_EXPIRED = "ExpiredIteratorException"
# Also of the sequence of a record that is kept no longer, or was an earlier stream's of that name.
_UNKNOWN = "InvalidArgumentException"


class KinesisClient(Protocol):
    """What is asked of the SDK's client."""

    def list_shards(self, **arguments: object) -> Mapping[str, Any]: ...  # noqa: D102
    def get_shard_iterator(self, **arguments: object) -> Mapping[str, Any]: ...  # noqa: D102
    def get_records(self, *, ShardIterator: str, Limit: int) -> Mapping[str, Any]: ...  # noqa: D102, N803
    def describe_stream_summary(self, *, StreamName: str) -> Mapping[str, Any]: ...  # noqa: D102, N803
    def put_record(  # noqa: D102
        self,
        *,
        StreamName: str,  # noqa: N803
        PartitionKey: str,  # noqa: N803
        Data: bytes,  # noqa: N803
    ) -> Mapping[str, Any]: ...


class KinesisStream:
    """See `resources.event_streams.EventStream`. For one thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Of each shard: the sequence behind which the next iterator begins, and that iterator.
        self._next: dict[str, tuple[str | None, str]] = {}
        self._read_at: dict[str, float] = {}

    def shards(self) -> list[Shard]:
        """See `EventStream.shards`."""
        found: list[Shard] = []
        asked: dict[str, object] = {
            "StreamName": self.name,
            "ShardFilter": {"Type": "FROM_TRIM_HORIZON"},
        }
        while asked:
            with self._answering():
                answer = self._client.list_shards(**asked)
            found += [_shard(each) for each in answer["Shards"]]
            # A token stands for the stream, too, and is refused beside its name.
            token = answer.get("NextToken")
            asked = {"NextToken": token} if token else {}
        return found

    def read(self, shard_id: str, *, after: str | None, limit: int = MOST_RECORDS) -> Page:
        """See `EventStream.read`."""
        from botocore.exceptions import ClientError

        self._take_time(shard_id)
        begins, iterator = self._next.pop(shard_id, (None, ""))
        if not iterator or begins != after:
            iterator = self._iterator(shard_id, after)
        try:
            with self._answering(but=_EXPIRED):
                answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
        except ClientError:
            # The iterator has expired; its place in the shard has not.
            iterator = self._iterator(shard_id, after)
            with self._answering():
                answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
        records = tuple(_record(each) for each in answer["Records"])
        following = answer.get("NextShardIterator")
        if following:
            self._next[shard_id] = (records[-1].sequence if records else after, following)
        behind = timedelta(milliseconds=answer.get("MillisBehindLatest") or 0)
        return Page(records, behind, ended=not following)

    def kept(self) -> timedelta:
        """See `EventStream.kept`."""
        with self._answering():
            answer = self._client.describe_stream_summary(StreamName=self.name)
        return timedelta(hours=answer["StreamDescriptionSummary"]["RetentionPeriodHours"])

    def put(self, key: str, data: bytes) -> str:
        """See `EventStream.put`."""
        with self._answering():
            answer = self._client.put_record(StreamName=self.name, PartitionKey=key, Data=data)
        return str(answer["SequenceNumber"])

    def _iterator(self, shard_id: str, after: str | None) -> str:
        """One that begins behind that record, if it or its shard is still known."""
        from botocore.exceptions import ClientError

        ask, shard = self._client.get_shard_iterator, {"StreamName": self.name, "ShardId": shard_id}
        if after is not None:
            with suppress(ClientError), self._answering(but=_UNKNOWN):
                behind = {
                    "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                    "StartingSequenceNumber": after,
                }
                return str(ask(**shard, **behind)["ShardIterator"])
        with self._answering():
            return str(ask(**shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"])

    def _take_time(self, shard_id: str) -> None:
        rest = self._read_at.get(shard_id, 0.0) + PACE_SECONDS - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        self._read_at[shard_id] = time.monotonic()

    @cached_property
    def _client(self) -> KinesisClient:
        made: KinesisClient = client("kinesis")
        return made

    @contextmanager
    def _answering(self, *, but: str | None = None) -> Iterator[None]:
        """Translate what is no answer, but for the one that the caller knows a way with."""
        from botocore.exceptions import ClientError

        try:
            with translated("Amazon Kinesis", self.name):
                yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == but:
                raise
            if code == _NO_STREAM:
                raise no_such_stream(self.name, "Amazon Kinesis") from error
            raise ServiceUnavailable(
                f"Amazon Kinesis, {self.name}",
                found=str(error),
                expected="a stream that can be read",
                next_move="check the stream's region, its key, and the rights on both",
            ) from error


class KinesisStreams(EventStreamsResource):
    """Streams of the account and region that the AWS SDK is set to."""

    def open(self, name: str) -> EventStream:
        """See `EventStreamsResource.open`."""
        return KinesisStream(name)


def _shard(said: Mapping[str, Any]) -> Shard:
    parents = (said.get("ParentShardId"), said.get("AdjacentParentShardId"))
    return Shard(said["ShardId"], tuple(parent for parent in parents if parent))


def _record(said: Mapping[str, Any]) -> Record:
    arrived = said["ApproximateArrivalTimestamp"].astimezone(UTC)
    return Record(said["SequenceNumber"], arrived, said["Data"])
