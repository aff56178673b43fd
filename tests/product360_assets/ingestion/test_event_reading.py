"""Streams that are read directly: what lands of them, whoever dies and however often it is read."""

from __future__ import annotations

import gzip
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.ingestion import event_reading
from product360_assets.ingestion.arrivals import arrivals, delivered_rows
from product360_assets.ingestion.event_files import ShardFiles
from product360_assets.ingestion.event_lines import AGGREGATED
from product360_assets.ingestion.event_reading import Pass, StreamReading
from resources.errors import ChangesLost, LockLost, SourceRejected
from resources.event_streams import Page
from resources.ledger import Batch, Ledger
from resources.local.event_streams import LocalStream
from resources.locks import holding
from resources.objects import LakeResource, ObjectStore
from resources.owners import this_process

NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)
SHOP = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "stream",
        "description": "A shop.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "click",
                "stream": "web-clicks",
                "description": "Clicks.",
                "format": "json",
                "key": ["click_id"],
                "cadence": "continuous",
                "freshness_hours": 1,
                "columns": [{"name": "click_id", "type": "bigint", "description": "The click."}],
            }
        ],
    }
)
[CLICK] = SHOP.tables


@dataclass
class Web:
    """A web shop that puts clicks into a stream, and a reader of it. Time stands still."""

    home: Path
    ledger: Ledger
    landing: ObjectStore
    now: datetime = NOON
    count: int = 0
    put_so_far: list[str] = field(default_factory=list)

    @cached_property
    def stream(self) -> LocalStream:
        return LocalStream(
            self.home / "streams.db", "web-clicks", clock=lambda: self.now.timestamp()
        )

    def click(self, times: int = 1) -> None:
        for _ in range(times):
            self.count += 1
            record = f'{{"click_id": {self.count}}}'
            self.stream.put(f"visitor {self.count % 5}", record.encode())
            self.put_so_far.append(record)

    @property
    def reading(self) -> StreamReading:
        return StreamReading(SHOP, self.ledger, self.landing, lambda _: None, now=lambda: self.now)

    def read(self, stream: Any = None) -> Pass:
        return self.reading.read(CLICK, stream or self.stream)

    def landed(self) -> dict[str, list[str]]:
        """The lines of every file in landing."""
        return {
            info.key: gzip.decompress(self.landing.read(info.key)).decode().splitlines()
            for info in self.landing.list()
        }

    def lines(self) -> Counter[str]:
        return Counter(line for lines in self.landed().values() for line in lines)

    def recorded(self) -> int:
        return sum(each.rows for each in self.ledger.deliveries("shop", "click"))


@pytest.fixture
def web(tmp_path: Path, ledger: Ledger, landing: ObjectStore) -> Web:
    return Web(tmp_path, ledger, landing)


def test_what_a_stream_holds_lands_once(web: Web) -> None:
    web.click(3)
    assert web.read().records == 3
    assert web.read().records == 0
    web.click(2)
    assert web.read().records == 2
    assert web.lines() == Counter(web.put_so_far)


def test_a_file_is_named_by_its_day_shard_and_records(web: Web) -> None:
    web.click(3)
    web.read()
    [(key, lines)] = web.landed().items()
    assert key == "shop/click/2017/05/01/12/web-clicks/shardId-000000000000/1-3-3.json.gz"
    assert lines == web.put_so_far

    [arrival] = arrivals(SHOP, CLICK, ledger=web.ledger, landing=web.landing).by_day
    assert (arrival.landing_date, arrival.kind) == (NOON.date(), "stream")


def test_the_same_records_make_the_same_bytes(web: Web, tmp_path: Path) -> None:
    web.click(3)
    web.read()
    elsewhere = LakeResource(uri=f"file://{tmp_path}/elsewhere").zone("landing")
    files = ShardFiles(SHOP, CLICK, "web-clicks", "shardId-000000000000", elsewhere)
    files.write(web.stream.read("shardId-000000000000", after=None).records)
    assert [(i.key, elsewhere.read(i.key)) for i in elsewhere.list()] == [
        (i.key, web.landing.read(i.key)) for i in web.landing.list()
    ]


def test_a_file_holds_records_of_one_day(web: Web) -> None:
    web.click(2)
    web.now += timedelta(hours=12)
    web.click(1)
    assert web.read().files == 2
    found = arrivals(SHOP, CLICK, ledger=web.ledger, landing=web.landing)
    assert [each.landing_date.day for each in found.by_day] == [1, 2]
    assert [len(lines) for lines in web.landed().values()] == [2, 1]


def test_a_backlog_is_cut_into_files(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reading, "FILE_RECORDS", 4)
    paged = replace_pages(web, 2)
    web.click(9)
    assert web.read(paged).files == 3
    assert web.lines() == Counter(web.put_so_far)


def test_the_rows_of_a_batch_of_whole_files_are_known(web: Web) -> None:
    for _ in range(2):
        web.click(3)
        web.read()
    [arrival] = arrivals(SHOP, CLICK, ledger=web.ledger, landing=web.landing).by_day
    batch = Batch("b", "shop", "click", arrival.landing_date, "stream", "0", arrival.objects)
    assert delivered_rows(batch, web.ledger) == 6
    # A file that somebody else delivered says nothing of its rows.
    web.landing.put("shop/click/2017/05/01/12/firehose.json.gz", gzip.compress(b"{}\n"))
    [arrival] = arrivals(SHOP, CLICK, ledger=web.ledger, landing=web.landing).by_day
    assert delivered_rows(replace(batch, objects=arrival.objects), web.ledger) is None


def test_the_reader_says_how_far_it_is_behind(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.click(2)
    web.now += timedelta(minutes=5)
    web.click(1)
    monkeypatch.setattr(event_reading, "PASS_SECONDS", 1.0)
    # The first look at the clock begins the pass; two more, and it is over.
    reading = replace(web.reading, clock=iter([0.0, 0.0, 2.0, 2.0, 2.0]).__next__)
    cut_short = reading.read(CLICK, replace_pages(web, 2))
    assert (cut_short.records, cut_short.shown()["behind the newest record (s)"]) == (2, 300.0)
    assert web.read().shown() == {
        "stream": "web-clicks",
        "shards": 1,
        "records read": 1,
        "files written": 1,
        "bytes written": web.landing.head(list(web.landed())[-1]).size,
        "behind the newest record (s)": 0.0,
    }


# --- shards -----------------------------------------------------------------------------------


def test_closed_shards_are_read_to_their_end_before_their_children(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.click(10)
    web.stream.split("shardId-000000000000")
    web.click(10)
    web.stream.merge("shardId-000000000001", "shardId-000000000002")
    web.click(10)
    monkeypatch.setattr(event_reading, "FILE_RECORDS", 2)
    order: list[int] = []
    stream = Watched(replace_pages(web, 2), order)

    assert web.read(stream).records == 30
    assert web.lines() == Counter(web.put_so_far)
    # Of each visitor, whose key never changes, the clicks were read in their order.
    for visitor in range(5):
        clicks = [click for click in order if click % 5 == visitor]
        assert clicks == sorted(clicks)


def test_a_child_waits_for_the_next_pass_while_its_parent_has_a_backlog(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.click(6)
    web.stream.split("shardId-000000000000")
    web.click(6)
    monkeypatch.setattr(event_reading, "FILE_RECORDS", 2)
    monkeypatch.setattr(event_reading, "PASS_SECONDS", 1.0)
    ticks = iter([0.0, 0.0, 2.0]).__next__
    first = replace(web.reading, clock=ticks).read(CLICK, replace_pages(web, 2))

    assert (first.records, list(first.behind)) == (2, ["shardId-000000000000"])
    web.read()
    assert web.lines() == Counter(web.put_so_far)


def test_no_shard_waits_for_the_backlog_of_another(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.stream.create(2)
    web.click(40)
    monkeypatch.setattr(event_reading, "FILE_RECORDS", 2)
    monkeypatch.setattr(event_reading, "PASS_SECONDS", 1.0)
    ticks = iter([0.0] * 6 + [2.0] * 9).__next__
    done = replace(web.reading, clock=ticks).read(CLICK, replace_pages(web, 2))
    assert len(done.behind) == 2


# --- deaths -----------------------------------------------------------------------------------


class Died(BaseException):
    """The process is gone."""


@dataclass
class Port:
    """A port whose calls count, before they are made and before anybody hears of them."""

    inner: Any
    calls: list[str]
    dies_at: int

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def counted(*args: Any, **named: Any) -> Any:
            self._reach(name)
            answer = found(*args, **named)
            self._reach(f"{name}, answered")
            return answer

        return counted

    def _reach(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.dies_at:
            raise Died(call)


def dies(web: Web, at: int) -> bool:
    """Read, and die at the n-th call; whether there were so many."""
    calls: list[str] = []
    ports = [Port(port, calls, at) for port in (web.ledger, web.landing, web.stream)]
    reading = StreamReading(SHOP, ports[0], ports[1], lambda _: None, now=lambda: web.now)  # type: ignore[arg-type]
    try:
        reading.read(CLICK, ports[2])  # type: ignore[arg-type]
    except Died:
        return True
    return False


@pytest.mark.parametrize("more", [0, 3])
def test_whatever_call_it_dies_at_every_record_lands_once_and_is_counted(
    web: Web, more: int
) -> None:
    """Also when more has come since, so that the next reader has other records at hand."""
    web.stream.create(2)
    at = 0
    while True:
        web.click(8)
        at += 1
        if not dies(web, at):
            break
        web.click(more)
        web.read()
        assert web.lines() == Counter(web.put_so_far)
        assert web.recorded() == len(web.put_so_far)
    assert at > 20
    assert web.lines() == Counter(web.put_so_far)


def test_without_a_look_at_what_landed_a_death_doubles_rows(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: ShardFiles, records: Any) -> Any:
        begins = self._folder(records[0]) + f"{records[0].sequence}-"
        return self._delivery(self._put(begins, records), records[0])

    monkeypatch.setattr(ShardFiles, "write", write)
    assert max(lines_after_a_death(web).values()) == 2


def test_without_the_file_before_its_record_a_death_loses_rows(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = ShardFiles.write

    def write(self: ShardFiles, records: Any) -> Any:
        # The record of a file of the same name, whose bytes go nowhere; then the file.
        elsewhere = LakeResource(uri=f"file://{web.home}/nowhere").zone("landing")
        web.ledger.record_delivery(written(replace(self, landing=elsewhere), records))
        return written(self, records)

    monkeypatch.setattr(ShardFiles, "write", write)
    assert lines_after_a_death(web) < Counter(web.put_so_far)


def lines_after_a_death(web: Web) -> Counter[str]:
    """What is in landing when it died at any call before it ended, and was read again."""
    for at in range(1, 60):
        web.click(2)
        if not dies(web, at):
            break
        web.click(2)
        web.read()
        if web.lines() != Counter(web.put_so_far):
            break
    return web.lines()


# --- two at once ------------------------------------------------------------------------------


def test_two_who_read_at_once_lose_nothing(web: Web, ledger_opener: Callable[[], Ledger]) -> None:
    """Without a lock: one of them slept through its lease."""
    web.stream.create(2)
    web.click(30)
    together = threading.Barrier(2)
    failed: list[BaseException] = []

    def read() -> None:
        reading = replace(web.reading, ledger=ledger_opener())
        together.wait()
        try:
            reading.read(CLICK, web.stream)
        except Exception as error:  # noqa: BLE001 - is asked below
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert failed == []
    web.read()
    assert set(web.lines()) == set(web.put_so_far)
    # What came twice is counted twice: accounts are of what landed.
    assert web.recorded() == sum(web.lines().values())


def test_who_lost_the_lock_records_nothing(web: Web) -> None:
    web.click(2)
    with holding(web.ledger, "landing.shop", work="run 1", log=lambda _: None) as mine:
        held = web.ledger.lock("landing.shop")
        web.ledger.take_lock("landing.shop", this_process("run 2"), over=held)
        with pytest.raises(LockLost):
            replace(web.reading, ledger=mine).read(CLICK, web.stream)
    assert web.recorded() == 0
    web.read()
    assert web.lines() == Counter(web.put_so_far)
    assert web.recorded() == 2


# --- what is not as it should be --------------------------------------------------------------


def test_aggregated_records_land_whole_and_are_complained_of_once(web: Web) -> None:
    web.click(1)
    web.stream.put("a", AGGREGATED + b"\n\x0a")
    web.click(1)
    done = web.read()
    assert (done.records, web.recorded()) == (3, 3)
    with pytest.raises(SourceRejected, match="1 records that the Kinesis Producer Library"):
        done.complain()
    web.read().complain()


def test_a_reader_who_came_too_late_says_what_may_be_gone(web: Web) -> None:
    web.click(1)
    web.read().complain()
    web.now += timedelta(hours=1)
    web.click(1)
    web.now += timedelta(hours=25)
    web.click(1)
    done = web.read()
    assert done.records == 1
    gone = "shardId-000000000000 from 2017-05-01 12:00:00 to 2017-05-01 14:00:00 UTC"
    with pytest.raises(ChangesLost, match=gone):
        done.complain()
    web.read().complain()


def test_a_reader_who_comes_often_never_complains_of_a_stream_that_is_silent(web: Web) -> None:
    web.click(1)
    for _ in range(5):
        web.read().complain()
        web.now += timedelta(hours=23)


def test_what_was_not_read_in_a_pass_was_read_when_it_was(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that ended before it came to a shard does not count as having read it."""
    web.stream.create(2)
    web.click(20)
    web.read().complain()
    monkeypatch.setattr(event_reading, "PASS_SECONDS", 1.0)
    web.now += timedelta(hours=20)
    web.click(20)
    replace(web.reading, clock=iter([0.0, 2.0]).__next__).read(CLICK, web.stream).complain()
    web.now += timedelta(hours=5)
    with pytest.raises(ChangesLost):
        web.read().complain()


def replace_pages(web: Web, size: int) -> Any:
    """The stream in pages of so many records."""

    class Paged(LocalStream):
        def read(self, shard_id: str, *, after: str | None, limit: int = size) -> Page:
            return super().read(shard_id, after=after, limit=size)

    return Paged(web.home / "streams.db", "web-clicks", clock=lambda: web.now.timestamp())


class Watched:
    """A stream that notes the clicks in the order in which they are read."""

    def __init__(self, stream: LocalStream, order: list[int]) -> None:
        self._stream, self._order = stream, order

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, shard_id: str, *, after: str | None) -> Page:
        page = self._stream.read(shard_id, after=after)
        self._order += [int(each.data.split()[-1][:-1]) for each in page.records]
        return page


@pytest.fixture
def ledger_opener(ledger_resource: Any) -> Callable[[], Ledger]:
    opened: Callable[[], Ledger] = ledger_resource.open
    return opened
