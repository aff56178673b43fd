"""Events that come twice, late, in any order or never change nothing. Rewritten keys are kept.

The landing sensor is the real one, on a real lake, ledger, queue and instance. What its runs would
do is done at once: accept the days that were asked for, and call them clean.
"""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.automation.inbox import Cursor, Inbox
from product360_assets.automation.jobs import accept_job
from product360_assets.automation.landing import LandingDesk
from product360_assets.automation.sensors import landing_arrivals
from product360_assets.core.contract import SourceContract
from product360_assets.core.states import record_once
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.rewritten import RewrittenObjects
from resources.announcements import AnnouncementsResource
from resources.events import EventQueue, EventQueueResource, Message
from resources.ledger import Ledger, ZoneState
from resources.local.announcements import SqliteAnnouncements, SqliteAnnouncementsResource
from resources.local.events import FolderQueue
from resources.local.ledger import SqliteLedger, SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource

SHOP = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop that drops its prices.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "price",
                "description": "Prices.",
                "format": "csv",
                "key": ["id"],
                "cadence": "weekly",
                "freshness_hours": 24,
                "columns": [{"name": "id", "type": "bigint", "description": "Article."}],
            }
        ],
    }
)
TABLE = SHOP.tables[0]
# Late enough that no listing is due: then only events can tell.
JUST_LISTED = Cursor(listed_at=time.time(), took=3600.0).write()


class Clock:
    """The queue's clock, which can be moved."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Queues(EventQueueResource):
    """Opens whatever queue `Shop` says, so that a port can be wrapped."""

    path: str

    def open(self) -> EventQueue:
        return OPENED[self.path]


OPENED: dict[str, EventQueue] = {}


class Shop:
    """One home, the sensor that watches it, and what its runs would do."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = Clock()
        self.queue = FolderQueue(home / "events", clock=self.clock)
        OPENED[str(home)] = self.queue
        self.lake = LakeResource(uri=f"file://{home}/lake", events=str(home / "events"))
        self.landing, self.raw = self.lake.zone("landing"), self.lake.zone("raw")
        self.ledger_resource = SqliteLedgerResource(path=str(home / "ledger.db"))
        self.announcements: AnnouncementsResource = SqliteAnnouncementsResource(
            path=str(home / "announcements.db")
        )
        self.instance = dg.DagsterInstance.ephemeral()
        self.sensor = landing_arrivals([SHOP], [accept_job(SHOP)])
        self.cursor: str | None = JUST_LISTED
        self.requests = 0

    @property
    def ledger(self) -> Ledger:
        return self.ledger_resource.open()

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={
                "ledger": self.ledger_resource,
                "lake": self.lake,
                "events": Queues(path=str(self.home)),
                "announcements": self.announcements,
                "registry": SqliteRegistryResource(path=str(self.home / "registry.db")),
            },
        )
        done = self.sensor.evaluate_tick(context)
        self.cursor = done.cursor
        self.requests += len(done.run_requests or [])
        return list(done.run_requests or [])

    def work(self) -> None:
        """One tick, and the runs that it asks for."""
        for request in self.tick():
            self.run(request)

    def run(self, request: dg.RunRequest) -> None:
        """What an accepting run leaves: raw, and a ledger that says that all of it is clean."""
        first, last = (
            request.tags.get(name) or request.tags["dagster/partition"]
            for name in (
                "dagster/asset_partition_range_start",
                "dagster/asset_partition_range_end",
            )
        )
        known = self.instance.get_dynamic_partitions("landing_date_shop")
        days = known[known.index(first) : known.index(last) + 1]
        self.accept([date.fromisoformat(day) for day in days])

    def accept(self, days: list[date]) -> None:
        ledger = self.ledger
        Acceptance(SHOP, TABLE, ledger, self.landing, self.raw).accept(days)
        for batch in ledger.batches("shop", "price"):
            if ledger.zone_state(batch.batch_id, "clean") is None:
                # Another process may have been quicker, as in the step that makes clean.
                record_once(ledger, _clean(batch.batch_id), replacing=None)

    def accepted(self) -> list[tuple[str, str, str]]:
        """(landing key, its bytes' hash by the ledger, by raw itself) of everything accepted."""
        ledger = self.ledger
        return sorted(
            (
                each.landed.key,
                each.sha256,
                hashlib.sha256(self.raw.read(each.raw_key)).hexdigest(),
            )
            for batch in ledger.batches("shop", "price")
            for each in ledger.accepted_objects(batch.batch_id)
        )

    def quarantined(self) -> list[bytes]:
        keys = [info.key for info in self.raw.list("_quarantine/")]
        return [self.raw.read(key) for key in keys if not key.endswith(".json")]


def _clean(batch_id: str) -> ZoneState:
    return ZoneState(
        batch_id=batch_id,
        zone="clean",
        rows_in=1,
        rows_out=1,
        rows_quarantined=0,
        location="",
        unit="",
        code_version="",
        config_version="",
        snapshot_id=None,
        recorded_at=datetime.now(UTC),
        details={},
    )


def key_of(number: int) -> str:
    return f"shop/price/2017-01-{1 + number % 5:02d}/price-{number}.csv"


def data_of(number: int) -> bytes:
    return f"id\n{number}\n".encode()


def expected(numbers: range) -> list[tuple[str, str, str]]:
    """What must have been accepted of these files: each, once, as it was delivered."""
    found = []
    for number in numbers:
        sha256 = hashlib.sha256(data_of(number)).hexdigest()
        found.append((key_of(number), sha256, sha256))
    return sorted(found)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def held_back(shop: Shop, files: int) -> list[str]:
    """Deliver files and take their events off the queue, to be delivered otherwise."""
    for number in range(files):
        shop.landing.put(key_of(number), data_of(number))
    messages = shop.queue.receive(1000)
    shop.queue.acknowledge(messages)
    return [message.body for message in messages]


@pytest.mark.parametrize("seed", range(6))
def test_f08_events_that_come_again_late_and_in_any_order_change_nothing(
    seed: int, tmp_path: Path
) -> None:
    chance, shop = random.Random(seed), Shop(tmp_path)
    bodies = [body for body in held_back(shop, 12) for _ in range(chance.randint(1, 5))]
    chance.shuffle(bodies)
    while bodies:
        for body in bodies[: chance.randint(1, 9)]:
            shop.queue.send(body)
            bodies.remove(body)
        shop.work()
        shop.clock.ahead += chance.choice([0, 70])
    shop.work()
    assert shop.accepted() == expected(range(12)), f"seed {seed}"
    assert shop.queue.depth().waiting == 0
    assert shop.announcements.open().waiting() == []


def test_f08_an_event_of_what_is_accepted_starts_nothing(shop: Shop) -> None:
    bodies = held_back(shop, 3)
    for body in bodies:
        shop.queue.send(body)
    shop.work()
    for body in bodies * 3:
        shop.queue.send(body)
    assert shop.tick() == []


def test_f08_is_caught_without_the_ledgers_word(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LandingDesk, "_claims", lambda *_: {})
    with pytest.raises(AssertionError):
        test_f08_an_event_of_what_is_accepted_starts_nothing(shop)


def test_f08_events_of_what_is_none_of_ours_are_done_with(shop: Shop) -> None:
    for key in ("stranger/x/2017-01-01/a.csv", "shop/other/2017-01-01/a.csv", "shop/price/a.csv"):
        shop.landing.put(key, b"x")
    assert shop.tick() == []
    assert shop.announcements.open().waiting() == []
    assert shop.queue.depth().waiting == 0


def test_f08_an_event_of_an_object_that_is_gone_asks_for_a_run_no_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from product360_assets.automation import landing

    monkeypatch.setattr(landing, "UNACCEPTED", timedelta(0))
    [body] = held_back(shop, 1)
    shop.landing.delete(key_of(0))
    shop.queue.send(body)
    assert shop.tick() == []
    assert shop.announcements.open().waiting() == []


def test_f08_a_message_that_is_no_event_is_buried_and_stops_nothing(shop: Shop) -> None:
    shop.queue.send("poison")
    shop.landing.put(key_of(0), data_of(0))
    shop.work()
    for _ in range(6):
        shop.clock.ahead += 70
        shop.work()
    assert shop.accepted() == expected(range(1))
    assert shop.queue.depth().dead == 1


def test_f09_lost_events_are_found_by_the_listing(shop: Shop) -> None:
    held_back(shop, 5)
    assert shop.tick() == []
    shop.cursor = None
    shop.work()
    assert shop.accepted() == expected(range(5))


def test_f09_a_strangers_file_is_found_within_one_period_of_listing(shop: Shop) -> None:
    folder = shop.home / "lake" / "landing" / "shop" / "price" / "2017-01-01"
    folder.mkdir(parents=True)
    (folder / "price-0.csv").write_bytes(data_of(0))
    shop.cursor = Cursor(listed_at=time.time() - 60, took=1.0).write()
    shop.work()
    assert shop.accepted() == expected(range(1))


def test_f09_is_caught_without_the_listing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inbox, "reconcile", lambda _: 0.0)
    with pytest.raises(AssertionError):
        test_f09_lost_events_are_found_by_the_listing(shop)


def test_f09_the_listing_takes_a_fiftieth_of_the_time_and_never_rests_for_more_than_an_hour() -> (
    None
):
    def pause(took: float, *, silent: bool = True) -> float:
        cursor = Cursor(listed_at=1000.0, took=took)
        seconds = itertools.count(0, 10)
        return next(s for s in seconds if cursor.is_listing_due(1000.0 + s, silent=silent))

    assert [pause(took) for took in (0.0, 0.1, 2.0, 20.0, 500.0)] == [0, 10, 100, 1000, 3600]
    assert pause(0.1, silent=False) == 3600
    assert Cursor(listed_at=1000.0, took=9.0).is_listing_due(900.0, silent=True)
    assert Cursor.read("nonsense") == Cursor.read(None) == Cursor()


def rewrite(shop: Shop, number: int, data: bytes) -> None:
    """As its owner does: another object under the same key."""
    shop.landing.delete(key_of(number))
    shop.landing.put(key_of(number), data)


@pytest.mark.parametrize("announced", [True, False])
def test_f10_a_key_rewritten_with_other_bytes_is_quarantined_and_raw_keeps_what_was_accepted(
    shop: Shop, announced: bool
) -> None:
    for number in range(3):
        shop.landing.put(key_of(number), data_of(number))
    shop.work()
    before = {info.key: shop.raw.read(info.key) for info in shop.raw.list("shop/")}
    rewrite(shop, 1, b"id\n100\n")
    if not announced:
        shop.queue.acknowledge(shop.queue.receive(10))
        shop.cursor = None
    shop.work()
    assert {info.key: shop.raw.read(info.key) for info in shop.raw.list("shop/")} == before
    assert shop.accepted() == expected(range(3))
    assert shop.quarantined() == [b"id\n100\n"]
    [record] = RewrittenObjects("shop", "price", shop.ledger, shop.landing, shop.raw).records()
    assert record.landing_key == key_of(1)
    assert record.sha256 == hashlib.sha256(b"id\n100\n").hexdigest()
    assert record.accepted_sha256 == hashlib.sha256(data_of(1)).hexdigest()
    assert shop.raw.read(record.accepted_as) == data_of(1)
    # It is settled: neither an event nor a listing asks for it again.
    shop.cursor = None
    assert shop.tick() == []


def test_f10_the_same_bytes_written_again_are_no_news(shop: Shop) -> None:
    shop.landing.put(key_of(0), data_of(0))
    shop.work()
    rewrite(shop, 0, data_of(0))
    shop.work()
    assert shop.quarantined() == []
    assert shop.accepted() == expected(range(1))
    shop.cursor = None
    assert shop.tick() == []


def test_f10_every_other_version_is_kept(shop: Shop) -> None:
    shop.landing.put(key_of(0), data_of(0))
    shop.work()
    for data in (b"id\n7\n", b"id\n8\n", data_of(0)):
        rewrite(shop, 0, data)
        shop.work()
    assert sorted(shop.quarantined()) == [b"id\n7\n", b"id\n8\n"]


def test_f10_is_caught_when_other_versions_pass_for_new_objects(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = SqliteLedger.claimed

    def only_what_is_asked(self: SqliteLedger, bucket: str, prefix: str) -> Any:
        there = {(info.key, info.etag) for info in shop.landing.list(prefix)}
        return {k: v for k, v in claimed(self, bucket, prefix).items() if k in there}

    monkeypatch.setattr(SqliteLedger, "claimed", only_what_is_asked)
    with pytest.raises(AssertionError):
        test_f10_a_key_rewritten_with_other_bytes_is_quarantined_and_raw_keeps_what_was_accepted(
            shop, announced=True
        )


def test_f10_is_caught_when_nothing_is_set_aside(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RewrittenObjects, "set_aside", lambda *_: None)
    with pytest.raises(AssertionError):
        test_f10_a_key_rewritten_with_other_bytes_is_quarantined_and_raw_keeps_what_was_accepted(
            shop, announced=True
        )


class Dying:
    """A port whose n-th call is the process's last: it dies before the call, or after it."""

    def __init__(self, port: object, calls: Iterator[int], at: int, *, after: bool) -> None:
        self._port, self._calls, self._at, self._after = port, calls, at, after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        def call(*arguments: Any) -> Any:
            dies = next(self._calls) == self._at
            if dies and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = method(*[_listed(each) for each in arguments])
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


def _listed(argument: Any) -> Any:
    # A generator is consumed by whoever counts it.
    return list(argument) if isinstance(argument, Iterator) else argument


def tick_that_dies(home: Path, at: int, *, after: bool) -> bool:
    """A tick in a process of its own that dies at a call to a port; whether it did."""

    def tick() -> None:
        shop, calls = Shop(home), itertools.count(1)
        OPENED[str(home)] = Dying(shop.queue, calls, at, after=after)  # type: ignore[assignment]
        dying = Dying(SqliteAnnouncements(home / "announcements.db"), calls, at, after=after)
        shop.announcements.__class__.open = lambda _: dying  # type: ignore[method-assign, assignment, return-value]
        shop.tick()

    process = multiprocessing.get_context("fork").Process(target=tick)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.parametrize("after", [False, True])
def test_f24_a_tick_killed_at_any_call_loses_nothing_and_doubles_nothing(
    tmp_path: Path, after: bool
) -> None:
    deaths = 0
    for at in itertools.count(1):
        home = tmp_path / f"home-{at}"
        shop = Shop(home)
        for number in range(4):
            shop.landing.put(key_of(number), data_of(number))
        if not tick_that_dies(home, at, after=after):
            break
        deaths += 1
        # No listing helps: what the dead tick had received comes again by itself.
        shop.clock.ahead += 70
        shop.work()
        shop.work()
        assert shop.accepted() == expected(range(4)), f"killed at call {at}"
        assert shop.announcements.open().waiting() == []
        assert shop.queue.depth().waiting == 0
    assert deaths >= 4


def test_f24_is_caught_when_messages_are_acknowledged_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = FolderQueue.receive

    def receive_and_acknowledge(self: FolderQueue, limit: int) -> list[Message]:
        messages = receive(self, limit)
        self.acknowledge(messages)
        return messages

    monkeypatch.setattr(FolderQueue, "receive", receive_and_acknowledge)
    with pytest.raises(AssertionError):
        test_f24_a_tick_killed_at_any_call_loses_nothing_and_doubles_nothing(tmp_path, after=True)


def test_f24_two_ticks_at_once_accept_each_object_once(shop: Shop) -> None:
    for number in range(10):
        shop.landing.put(key_of(number), data_of(number))
    shop.cursor = None
    requests = [*shop.tick()]
    shop.cursor = None
    requests += shop.tick()
    assert len(requests) == 2

    def run(request: dg.RunRequest) -> None:
        other = Shop(shop.home)
        other.accept([date(2017, 1, day) for day in range(1, 6)])

    processes = [
        multiprocessing.get_context("fork").Process(target=run, args=(request,))
        for request in requests
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert shop.accepted() == expected(range(10))
    assert shop.tick() == []
