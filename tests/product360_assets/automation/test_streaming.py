"""A stream that goes on: started, watched, started again after its death, and ended by silence."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from clicked import EVENING, Click, Shop

from product360_assets.automation import streaming
from product360_assets.automation.stream_process import Wish
from resources.owners import Owner, this_process
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

DAYS = (date(2017, 6, 5), date(2017, 6, 6), date(2017, 6, 7))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("PRODUCT360_HOME", str(tmp_path / "home"))
    return Shop(tmp_path / "home")


def look(shop: Shop, cursor: str | None = None) -> Any:
    """One look of the sensor."""
    resources = {"ledger": shop.resources["ledger"], "warehouse": shop.warehouse}
    with dg.build_sensor_context(resources=resources, cursor=cursor) as context:
        return streaming.stream_sensor()(context)


def shown(result: Any) -> dict[str, Any]:
    """The figures of the one observation."""
    (observed,) = result.asset_events
    return {name: value.value for name, value in observed.metadata.items()}


def test_each_look_wants_the_stream_starts_it_where_there_is_none_and_says_what_waits(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []
    monkeypatch.setattr(streaming, "start", lambda home: started.append(home) or 4711)
    shop.deliver(DAYS[0], [Click("a", "v", EVENING)])

    numbers = shown(first := look(shop))
    assert numbers["state"] == "started as process 4711"
    assert (numbers["batches waiting"], numbers["rows taken in"]) == (1, 0)
    # It was clean in 2017.
    assert numbers["lag, s"] > 10_000_000

    dead = Owner(this_process("x").host, 2**22 + 1, 0.0, "a dead stream")
    held = shop.ledger.take_lock(streaming.LOCK, dead, over=None)
    assert shown(look(shop, first.cursor))["state"] == "started as process 4711"
    shop.ledger.take_lock(streaming.LOCK, this_process("a stream"), over=held)
    again = shown(look(shop, first.cursor))
    assert again["state"].startswith("at work: a stream")
    assert again["rows per second"] == 0
    assert len(started) == 2
    assert Wish(shop.home).holds(lease_seconds=60)


def test_a_process_of_another_machine_lives_while_its_lock_is_renewed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "start", lambda _home: 4711)
    elsewhere = Owner("another-machine", 1, 0.0, "a stream")
    held = shop.ledger.take_lock(streaming.LOCK, elsewhere, over=None)
    first = look(shop)
    assert shown(first)["state"].startswith("at work: a stream")
    assert shop.ledger.renew_lock(held)
    second = look(shop, first.cursor)
    assert shown(second)["state"].startswith("at work: a stream")
    assert shown(look(shop, second.cursor))["state"] == "started as process 4711"


def test_on_aws_the_sensor_starts_the_process_beside_its_daemon_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "start", lambda _home: 4711)
    monkeypatch.setenv("PRODUCT360_ENV", "aws")
    assert shown(look(shop))["state"] == "started as process 4711"
    assert Wish(shop.home).holds(lease_seconds=60)


def test_a_wish_ends_when_it_is_not_renewed_or_withdrawn(tmp_path: Path) -> None:
    wish = Wish(tmp_path)
    assert not wish.holds(10)
    wish.renew()
    assert wish.holds(0.3)
    time.sleep(0.4)
    assert not wish.holds(0.3)
    wish.renew()
    assert wish.holds(0.3)
    wish.withdraw()
    assert not wish.holds(10)


SERVE = "from product360_assets.automation.stream_process import serve; serve(lease_seconds={})"


@pytest.fixture
def start(shop: Shop, tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[bytes]]]:
    """Starts the stream's process, which ends so many seconds after the last wish."""
    made = []

    def started(lease_seconds: int) -> subprocess.Popen[bytes]:
        with (tmp_path / "stream.log").open("ab") as log:
            command = [sys.executable, "-c", SERVE.format(lease_seconds)]
            made.append(subprocess.Popen(command, env=os.environ, stdout=log, stderr=log))
        return made[-1]

    yield started
    sys.stdout.write((tmp_path / "stream.log").read_text())
    for process in made:
        process.kill()
        process.wait()


def eventually(holds: Callable[[], bool], seconds: float = 240) -> None:
    """Wait until it holds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


def is_taken_in(shop: Shop, events: int) -> bool:
    """Whether so many events are published, and the stream waits for more."""
    exists = shop.catalog.load().table_exists(CLICK_EVENT.identifier)
    if not exists or shop.catalog.row_count(CLICK_EVENT.identifier) != events:
        return False
    return not shop.stream().is_behind()


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_f24_a_stream_goes_on_after_its_death_and_leaves_nothing_running(
    shop: Shop, start: Callable[[int], subprocess.Popen[bytes]]
) -> None:
    Wish(shop.home).renew()
    first = start(600)
    shop.deliver(DAYS[0], [Click("a", "v", EVENING)])
    eventually(lambda: is_taken_in(shop, 1))
    family = [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]
    assert len(family) > 1  # it and its engine
    landed = time.monotonic()
    shop.deliver(DAYS[1], [Click("b", "v", EVENING), Click("a", "v", EVENING)])
    eventually(lambda: is_taken_in(shop, 2))
    sys.stdout.write(f"clean to visible, warm: {time.monotonic() - landed:.1f} s\n")

    shop.deliver(DAYS[2], [Click("c", "v", EVENING)])
    first.kill()
    first.wait()
    # The engine reads from its parent, and ends with it.
    eventually(lambda: not any(each.is_running() for each in family), seconds=60)
    assert streaming.living(shop.ledger) is None

    second = start(15)
    Wish(shop.home).renew()
    eventually(lambda: is_taken_in(shop, 3))
    family = [*psutil.Process(second.pid).children(recursive=True), psutil.Process(second.pid)]
    assert streaming.living(shop.ledger) is not None
    # Nobody renews the wish.
    assert second.wait(timeout=120) == 0
    eventually(lambda: not any(each.is_running() for each in family), seconds=60)
    assert streaming.living(shop.ledger) is None
    events, visits = (
        shop.catalog.snapshot_summaries(name)
        for name in (CLICK_EVENT.identifier, CLICK_SESSION.identifier)
    )
    assert len({summary["product360.commit-id"] for summary in events}) == len(events) == 3
    assert len({summary["product360.inputs"] for summary in visits}) == len(visits) == 3
