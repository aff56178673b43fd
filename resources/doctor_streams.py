"""A stream that a source is read from: whether it is there, and what the platform does with it."""

from __future__ import annotations

from collections.abc import Iterator

from resources.doctor import Finding, ok
from resources.doctor_calls import Clients, ask, refusal
from resources.doctor_rights import Right

NOT_THERE = "ResourceNotFoundException"


def look_at_stream(aws: Clients, name: str) -> Iterator[Finding]:
    """Whether the stream is there, and for how long it keeps what nobody has read."""
    thing = f"stream {name}"
    answer = ask(lambda: aws("kinesis").describe_stream_summary(StreamName=name))
    if answer.code == NOT_THERE:
        yield Finding(
            thing,
            "failed",
            "no such stream",
            "the stream that a source's contract names",
            "create it in this account and region, or correct `stream` in the source's file",
        )
    elif answer.code:
        yield refusal(thing, "kinesis:DescribeStreamSummary", answer.code)
    else:
        said = answer.value["StreamDescriptionSummary"]
        kept = f"records are kept for {said['RetentionPeriodHours']} hours"
        yield ok(thing, f"{said['StreamStatus']}, {said['OpenShardCount']} open shards, {kept}")


def right_of_stream(name: str) -> Right:
    """What the platform does with a stream."""
    actions = ("ListShards", "DescribeStreamSummary", "GetShardIterator", "GetRecords")
    return Right(
        f"stream {name}",
        tuple(f"kinesis:{action}" for action in actions),
        (f"arn:{{partition}}:kinesis:{{region}}:{{account}}:stream/{name}",),
    )
