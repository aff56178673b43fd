"""What every event queue does: the same sentences for a folder and for SQS."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resources.aws import client
from resources.errors import EventInvalid
from resources.events import EventQueue, Message, QueueDepth, event_document, event_of
from resources.local.events import FolderQueue
from resources.objects import LakeResource
from resources.sqs import SqsQueue

RECEIVES = 3
# SQS counts whole seconds, and waits for one of them when it has nothing.
VISIBILITY = 2.0

# As the documentation of Amazon S3 shows it.
DOCUMENTED: dict[str, Any] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2021-11-12T00:00:00Z",
    "region": "ca-central-1",
    "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
    "detail": {
        "version": "0",
        "bucket": {"name": "amzn-s3-demo-bucket1"},
        "object": {
            "key": "example-key",
            "size": 5,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "sequencer": "617f08299329d189",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "1.2.3.4",
        "reason": "PutObject",
    },
}


@pytest.fixture(params=["folder", pytest.param("sqs", marks=pytest.mark.aws)])
def open_queue(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], EventQueue]:
    """Opens the same queue again and again, as several processes would."""
    if request.param == "folder":
        return lambda: FolderQueue(
            tmp_path / "events", visibility_seconds=VISIBILITY, receives=RECEIVES
        )
    request.getfixturevalue("aws")
    sqs = client("sqs")
    name = f"landing-{tmp_path.name[-20:].strip('-_')}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    [arn] = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])[
        "Attributes"
    ].values()
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(RECEIVES)})
    url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    return lambda: SqsQueue(url, visibility_seconds=VISIBILITY)


@pytest.fixture
def queue(open_queue: Callable[[], EventQueue]) -> EventQueue:
    return open_queue()


def bodies(messages: list[Message]) -> list[str]:
    return sorted(message.body for message in messages)


def test_an_empty_queue_gives_nothing(queue: EventQueue) -> None:
    assert queue.receive(10) == []
    assert queue.depth() == QueueDepth(0, 0, 0)


def test_what_is_sent_is_received_once_and_gone_when_acknowledged(queue: EventQueue) -> None:
    sent = sorted(f'{{"n": {number}, "text": "ü"}}' for number in range(25))
    for body in sent:
        queue.send(body)
    assert queue.depth() == QueueDepth(25, 0, 0)
    messages = queue.receive(100)
    assert bodies(messages) == sent
    assert {message.receives for message in messages} == {1}
    assert queue.receive(100) == []
    assert queue.depth() == QueueDepth(0, 25, 0)
    queue.acknowledge(messages)
    time.sleep(VISIBILITY + 0.2)
    assert queue.receive(100) == []
    assert queue.depth() == QueueDepth(0, 0, 0)


def test_a_limit_is_kept(queue: EventQueue) -> None:
    for number in range(15):
        queue.send(str(number))
    first = queue.receive(12)
    second = queue.receive(12)
    assert (len(first), len(second)) == (12, 3)
    assert not {m.message_id for m in first} & {m.message_id for m in second}


def test_what_is_not_acknowledged_comes_again(queue: EventQueue) -> None:
    queue.send("a")
    queue.send("b")
    first = queue.receive(10)
    queue.acknowledge([message for message in first if message.body == "a"])
    time.sleep(VISIBILITY + 0.2)
    [again] = queue.receive(10)
    assert (again.body, again.receives) == ("b", 2)


def test_acknowledging_nothing_or_twice_is_no_error(queue: EventQueue) -> None:
    queue.acknowledge([])
    queue.send("a")
    messages = queue.receive(1)
    queue.acknowledge(messages)
    queue.acknowledge(messages)
    assert queue.depth() == QueueDepth(0, 0, 0)


def test_what_is_received_too_often_is_dead_and_in_nobodys_way(queue: EventQueue) -> None:
    queue.send("poison")
    for received in range(1, RECEIVES + 1):
        [message] = queue.receive(10)
        assert message.receives == received
        time.sleep(VISIBILITY + 0.2)
    assert queue.receive(10) == []
    assert queue.depth() == QueueDepth(0, 0, 1)
    queue.send("sound")
    assert bodies(queue.receive(10)) == ["sound"]


def test_of_many_processes_that_receive_each_message_reaches_one(
    open_queue: Callable[[], EventQueue],
) -> None:
    queue = open_queue()
    for number in range(60):
        queue.send(str(number))
    context = multiprocessing.get_context("fork")
    found: Any = context.SimpleQueue()

    def receive() -> None:
        opened = open_queue()
        # Until nothing is left, and no longer: what nobody acknowledges comes again.
        found.put([m.body for some in iter(lambda: opened.receive(5), []) for m in some])

    processes = [context.Process(target=receive) for _ in range(3)]
    for process in processes:
        process.start()
    received = [int(body) for _ in processes for body in found.get()]
    for process in processes:
        process.join(30)
    assert sorted(received) == list(range(60))


def test_a_receiver_that_is_killed_loses_nothing(open_queue: Callable[[], EventQueue]) -> None:
    open_queue().send("a")
    context = multiprocessing.get_context("fork")

    def receive_and_die() -> None:
        assert open_queue().receive(1)
        os.kill(os.getpid(), signal.SIGKILL)

    process = context.Process(target=receive_and_die)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    time.sleep(VISIBILITY + 0.2)
    assert bodies(open_queue().receive(1)) == ["a"]


def test_a_clock_that_was_put_back_hides_nothing_for_long(tmp_path: Path) -> None:
    now = 1_000_000.0
    queue = FolderQueue(tmp_path, visibility_seconds=60, clock=lambda: now)
    queue.send("a")
    queue.receive(1)
    now -= 3600
    assert bodies(queue.receive(1)) == ["a"]


def test_a_folder_forgets_what_nobody_received_for_two_weeks(tmp_path: Path) -> None:
    now = 1_000_000.0
    queue = FolderQueue(tmp_path, clock=lambda: now)
    queue.send("a")
    now += 14 * 24 * 3600 + 1
    assert queue.receive(1) == []
    assert queue.depth() == QueueDepth(0, 0, 0)


def test_the_documented_event_is_read_and_written_again() -> None:
    event = event_of(json.dumps(DOCUMENTED))
    assert event is not None
    written = json.loads(event_document(event))
    # The only thing that nobody here asks for.
    written["detail"]["source-ip-address"] = "1.2.3.4"
    assert written == DOCUMENTED


def test_an_event_of_another_kind_is_none_and_a_broken_one_an_error() -> None:
    assert event_of(json.dumps({**DOCUMENTED, "detail-type": "Object Deleted"})) is None
    for broken in ("", "[]", "{}", "secret", json.dumps({**DOCUMENTED, "detail": {}})):
        with pytest.raises(EventInvalid) as raised:
            event_of(broken)
        assert "secret" not in str(raised.value)


def test_a_write_to_landing_is_announced_in_the_shape_of_s3(tmp_path: Path) -> None:
    lake = LakeResource(uri=f"file://{tmp_path}/lake", events=str(tmp_path / "events"))
    info = lake.zone("landing").put("shop/price/2017-01-09/price.csv", b"id\n1\n")
    lake.zone("raw").put("shop/price/x.csv", b"id\n1\n")
    [message] = FolderQueue(tmp_path / "events").receive(10)
    said = json.loads(message.body)
    assert said.keys() == DOCUMENTED.keys()
    assert said["detail"].keys() == DOCUMENTED["detail"].keys() - {"source-ip-address"}
    event = event_of(message.body)
    assert event is not None
    assert (event.bucket, event.key, event.size, event.etag) == (
        "landing",
        info.key,
        info.size,
        info.etag,
    )


def test_a_write_that_cannot_be_announced_is_written(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("no folder")
    lake = LakeResource(uri=f"file://{tmp_path}/lake", events=str(tmp_path / "events"))
    lake.zone("landing").put("shop/price/2017-01-09/price.csv", b"id\n1\n")
    assert [info.size for info in lake.zone("landing").list()] == [5]
