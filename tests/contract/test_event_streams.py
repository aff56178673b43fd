"""What every stream of events does: the same sentences for SQLite, for Kinesis, and for its model.

The emulator forgets a shard when it is cut, and expires nothing at will; what needs that is asked
of the model on loopback, which the adapter cannot tell from the service.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from kinesis_service import SHARDS_A_PAGE, KinesisService
from modelled import serving

from resources import kinesis
from resources.aws import client
from resources.errors import ServiceUnavailable, SourceRejected
from resources.event_streams import EventStream, Record
from resources.kinesis import KinesisStreams
from resources.local.event_streams import PAGE_BYTES, LocalStream, LocalStreams

NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)
# No text, a byte order mark, several lines, nothing at all.
BYTES = [
    b'{"event_id": "1"}\n',
    b"\xff\x00\xfe",
    b"\xef\xbb\xbf{}",
    b"{\n}\r\n{}",
    b"",
    b"e\x0a" * 9,
]


@dataclass
class Streams:
    """Opens streams of one kind, each time as another process would."""

    open: Callable[[str], EventStream]
    create: Callable[[str, int], None]


@dataclass
class Modelled(Streams):
    """Streams behind the model of Kinesis; `behind` is what really holds them."""

    service: KinesisService = field(kw_only=True)
    behind: Callable[[str], LocalStream] = field(kw_only=True)
    # Seconds since 1970, as the stream's clock says them.
    time: list[float] = field(kw_only=True)


@pytest.fixture(params=["sqlite", pytest.param("kinesis", marks=pytest.mark.aws), "model"])
def streams(request: pytest.FixtureRequest, tmp_path: Path) -> Streams:
    if request.param == "sqlite":
        path = tmp_path / "streams.db"
        resource = LocalStreams(path=str(path))
        return Streams(resource.open, lambda name, shards: LocalStream(path, name).create(shards))
    if request.param == "model":
        found: Modelled = request.getfixturevalue("modelled")
        return found
    request.getfixturevalue("aws")
    service = client("kinesis")
    return Streams(
        KinesisStreams().open,
        lambda name, shards: service.create_stream(StreamName=name, ShardCount=shards),
    )


@pytest.fixture
def modelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modelled]:
    monkeypatch.setattr(kinesis, "PACE_SECONDS", 0.0)
    now = [NOON.timestamp()]

    @cache
    def behind(name: str) -> LocalStream:
        return LocalStream(tmp_path / "behind.db", name, clock=lambda: now[0])

    service = KinesisService(behind)
    with serving("kinesis", service) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield Modelled(
            KinesisStreams().open,
            lambda name, shards: behind(name).create(shards),
            service=service,
            behind=behind,
            time=now,
        )


@pytest.fixture(params=["behind", "open"])
def cut(request: pytest.FixtureRequest, modelled: Modelled) -> Callable[[str], EventStream]:
    """Opens a stream that can be cut into other shards, directly and through the adapter."""
    opened: Callable[[str], EventStream] = getattr(modelled, request.param)
    return opened


@pytest.fixture
def name() -> str:
    return f"clicks-{secrets.token_hex(4)}"


def all_of(stream: EventStream, shard: str, limit: int = 100) -> list[Record]:
    """Everything that a shard holds, read to its end."""
    found: list[Record] = []
    while True:
        page = stream.read(shard, after=found[-1].sequence if found else None, limit=limit)
        found += page.records
        if page.is_last:
            return found


# --- reading ----------------------------------------------------------------------------------


def test_records_come_in_order_and_unchanged(streams: Streams, name: str) -> None:
    streams.create(name, 1)
    stream = streams.open(name)
    sequences = [stream.put("a", data) for data in BYTES]

    [shard] = stream.shards()
    found = all_of(stream, shard.shard_id)

    assert [record.data for record in found] == BYTES
    assert [record.sequence for record in found] == sequences
    assert sorted(sequences, key=int) == sequences
    assert all(record.arrived_at.tzinfo == UTC for record in found)


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_page_by_page_nothing_is_left_out_or_repeated(
    streams: Streams, name: str, limit: int
) -> None:
    streams.create(name, 1)
    stream = streams.open(name)
    sequences = [stream.put("a", b"%d" % number) for number in range(7)]
    [shard] = stream.shards()

    assert [each.sequence for each in all_of(stream, shard.shard_id, limit)] == sequences


def test_another_reader_goes_on_behind_any_record(streams: Streams, name: str) -> None:
    streams.create(name, 1)
    writer = streams.open(name)
    sequences = [writer.put("a", b"%d" % number) for number in range(4)]
    [shard] = writer.shards()

    for read, after in enumerate(sequences, start=1):
        page = streams.open(name).read(shard.shard_id, after=after)
        assert [record.sequence for record in page.records] == sequences[read:]


def test_a_reader_may_go_back(streams: Streams, name: str) -> None:
    streams.create(name, 1)
    stream = streams.open(name)
    sequences = [stream.put("a", b"%d" % number) for number in range(3)]
    [shard] = stream.shards()
    all_of(stream, shard.shard_id)

    again = stream.read(shard.shard_id, after=sequences[0])
    assert [record.sequence for record in again.records] == sequences[1:]


def test_what_is_put_while_it_is_read_comes_later(streams: Streams, name: str) -> None:
    streams.create(name, 1)
    stream = streams.open(name)
    [shard] = stream.shards()
    assert all_of(stream, shard.shard_id) == []

    first = stream.put("a", b"1")
    page = stream.read(shard.shard_id, after=None)
    assert [record.sequence for record in page.records] == [first]
    second = stream.put("a", b"2")
    page = stream.read(shard.shard_id, after=first)
    assert [record.sequence for record in page.records] == [second]


def test_a_reader_knows_whether_anything_is_left(
    cut: Callable[[str], EventStream], modelled: Modelled, name: str
) -> None:
    modelled.create(name, 1)
    stream = cut(name)
    [shard] = stream.shards()
    stream.put("a", b"1")
    modelled.time[0] += 60
    stream.put("a", b"2")

    first = stream.read(shard.shard_id, after=None, limit=1)
    assert (first.is_last, first.behind) == (False, timedelta(seconds=60))
    last = stream.read(shard.shard_id, after=first.records[0].sequence, limit=9)
    assert (last.is_last, last.behind, last.ended) == (True, timedelta(0), False)


# --- shards -----------------------------------------------------------------------------------


def test_a_key_stays_in_its_shard_and_all_shards_hold_everything_once(
    streams: Streams, name: str
) -> None:
    streams.create(name, 3)
    stream = streams.open(name)
    put = {stream.put(f"visitor {number % 8}", b"%d" % number) for number in range(40)}

    shards = stream.shards()
    found = {shard.shard_id: all_of(stream, shard.shard_id) for shard in shards}

    assert len(shards) == 3
    assert all(not shard.parents for shard in shards)
    sequences = [record.sequence for records in found.values() for record in records]
    assert sorted(sequences) == sorted(put)
    keys = [{int(record.data) % 8 for record in records} for records in found.values()]
    assert sum(map(len, keys)) == 8


def test_the_md5_of_a_key_says_which_shard_is_its(streams: Streams, name: str) -> None:
    streams.create(name, 4)
    stream = streams.open(name)
    for key in ("a", "b", "ü", "visitor 7"):
        stream.put(key, key.encode())

    held = [
        {record.data.decode() for record in all_of(stream, shard.shard_id)}
        for shard in stream.shards()
    ]
    # By the first hexadecimal digit of their MD5: 0, 5, 9 and c of sixteen.
    assert held == [{"a"}, {"visitor 7"}, {"b"}, {"ü"}]


def test_a_stream_that_nobody_made_is_named(streams: Streams, name: str) -> None:
    with pytest.raises(SourceRejected, match=name):
        streams.open(name).shards()


def test_records_are_kept_for_a_day(streams: Streams, name: str) -> None:
    streams.create(name, 1)
    assert streams.open(name).kept() == timedelta(hours=24)


def test_a_closed_shard_is_read_to_its_end_and_its_children_name_it(
    cut: Callable[[str], EventStream], modelled: Modelled, name: str
) -> None:
    modelled.create(name, 1)
    stream, keys = cut(name), ("a", "b", "ü", "visitor 7")
    for key in keys:
        stream.put(key, b"before")
    modelled.behind(name).split("shardId-000000000000")
    for key in keys:
        stream.put(key, b"after")
    modelled.behind(name).merge("shardId-000000000001", "shardId-000000000002")
    stream.put("a", b"in the end")

    shards = stream.shards()

    assert [(shard.shard_id[-1], [each[-1] for each in shard.parents]) for shard in shards] == [
        ("0", []), ("1", ["0"]), ("2", ["0"]), ("3", ["1", "2"])
    ]  # fmt: skip
    held = [[each.data for each in all_of(stream, shard.shard_id)] for shard in shards]
    assert held[0] == [b"before"] * 4
    assert held[1] == held[2] == [b"after"] * 2
    assert held[3] == [b"in the end"]
    pages = [stream.read(shard.shard_id, after=None) for shard in shards]
    assert [page.ended for page in pages] == [True, True, True, False]


def test_what_is_kept_no_longer_is_gone_with_the_shards_that_held_it(
    cut: Callable[[str], EventStream], modelled: Modelled, name: str
) -> None:
    modelled.create(name, 1)
    stream = cut(name)
    first = stream.put("a", b"old")
    modelled.time[0] += 3600
    stream.put("a", b"newer")
    modelled.behind(name).split("shardId-000000000000")

    modelled.time[0] += 23 * 3600 + 1
    # Behind a record that is gone, the oldest that is there comes next.
    for after in (first, None):
        page = stream.read("shardId-000000000000", after=after)
        assert [record.data for record in page.records] == [b"newer"]

    modelled.time[0] += 3600
    assert [shard.shard_id[-1] for shard in stream.shards()] == ["1", "2"]


# --- the service's moods ----------------------------------------------------------------------


def test_shards_are_listed_over_as_many_pages_as_there_are(modelled: Modelled, name: str) -> None:
    modelled.create(name, 2 * SHARDS_A_PAGE + 1)
    assert len(modelled.open(name).shards()) == 2 * SHARDS_A_PAGE + 1
    assert modelled.service.asked["ListShards"] == 3


def test_an_iterator_that_expired_is_made_anew_at_the_same_place(
    modelled: Modelled, name: str
) -> None:
    modelled.create(name, 1)
    stream = modelled.open(name)
    sequences = [stream.put("a", b"%d" % number) for number in range(3)]
    [shard] = stream.shards()
    first = stream.read(shard.shard_id, after=None, limit=1)

    modelled.service.expire_iterators()
    rest = stream.read(shard.shard_id, after=first.records[-1].sequence)

    assert [record.sequence for record in rest.records] == sequences[1:]


def test_behind_a_record_that_the_stream_does_not_know_the_oldest_comes_next(
    modelled: Modelled, name: str
) -> None:
    """One that is kept no longer, or was an earlier stream's of that name."""
    modelled.create(name, 1)
    stream = modelled.open(name)
    sequences = [stream.put("a", b"%d" % number) for number in range(3)]
    [shard] = stream.shards()
    modelled.service.refusals["GetShardIterator"] = ["InvalidArgumentException"]

    page = stream.read(
        shard.shard_id, after="49590338271490256608559692538361571095921575989136588898"
    )

    assert [record.sequence for record in page.records] == sequences


def test_an_iterator_is_used_again_while_its_reader_goes_on(modelled: Modelled, name: str) -> None:
    modelled.create(name, 1)
    stream = modelled.open(name)
    for number in range(5):
        stream.put("a", b"%d" % number)
    [shard] = stream.shards()

    assert len(all_of(stream, shard.shard_id, limit=1)) == 5
    assert modelled.service.asked["GetShardIterator"] == 1


def test_an_empty_answer_is_not_the_end(modelled: Modelled, name: str) -> None:
    modelled.create(name, 1)
    stream = modelled.open(name)
    stream.put("a", b"1")
    [shard] = stream.shards()

    modelled.service.empty = 2
    pages = [stream.read(shard.shard_id, after=None) for _ in range(3)]

    assert [(len(page.records), page.is_last) for page in pages] == [
        (0, False), (0, False), (1, True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("GetRecords", "ProvisionedThroughputExceededException"),
        ("GetShardIterator", "ProvisionedThroughputExceededException"),
        ("ListShards", "LimitExceededException"),
    ],
)
def test_being_throttled_is_waited_for(
    modelled: Modelled, name: str, operation: str, code: str
) -> None:
    modelled.create(name, 1)
    stream = modelled.open(name)
    stream.put("a", b"1")

    modelled.service.refusals[operation] = [code]
    [shard] = stream.shards()

    assert [record.data for record in all_of(stream, shard.shard_id)] == [b"1"]
    assert modelled.service.asked[operation] == 2


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSDisabledException"])
def test_a_stream_that_may_not_be_read_does_not_answer(
    modelled: Modelled, name: str, code: str
) -> None:
    modelled.create(name, 1)
    modelled.service.refusals["ListShards"] = [code]
    with pytest.raises(ServiceUnavailable, match=name):
        modelled.open(name).shards()


# --- the stand-in's own -----------------------------------------------------------------------


def test_the_first_record_makes_a_local_stream(tmp_path: Path) -> None:
    stream = LocalStream(tmp_path / "streams.db", "clicks")
    stream.put("a", b"1")
    [shard] = stream.shards()
    assert [record.data for record in all_of(stream, shard.shard_id)] == [b"1"]
    with pytest.raises(SourceRejected, match="none yet"):
        stream.create(2)


def test_a_page_of_large_records_is_as_large_as_kinesis_answer(tmp_path: Path) -> None:
    stream = LocalStream(tmp_path / "streams.db", "clicks")
    for _ in range(3):
        stream.put("a", b"x" * (PAGE_BYTES // 2))
    [shard] = stream.shards()

    page = stream.read(shard.shard_id, after=None)
    assert (len(page.records), page.is_last) == (2, False)
    assert len(all_of(stream, shard.shard_id)) == 3
