"""The ledger's locks: the same sentences for SQLite and for DynamoDB."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import pytest

from resources.errors import LockHeld, LockLost
from resources.ledger import Batch, Delivery, LandedObject, Ledger, ZoneState, batch_id_of
from resources.locks import Lock, holding
from resources.owners import Owner, is_gone, this_process

Opener = Callable[[], Ledger]
ROOT = Path(__file__).parents[2]
TABLE = "clean.shop.order"
DAY = date(2017, 1, 9)
ELSEWHERE = Owner("another-machine", 1, 0.0, "run elsewhere")


@pytest.fixture
def ledger(open_ledger: Opener) -> Ledger:
    return open_ledger()


def me(work: str = "run 1") -> Owner:
    return this_process(work)


def opened(ledger: Ledger) -> ZoneState:
    objects = (LandedObject("landing", "shop/order/a", "v1", 1),)
    batch = Batch(batch_id_of(DAY, objects), "shop", "order", DAY, "file", "0", objects)
    ledger.open_batch(batch)
    return ZoneState(
        batch.batch_id, "clean", 1, 1, 0, "", "u", "c", "g", None, datetime.now(UTC), {}
    )


# --- one at a time ----------------------------------------------------------------------------


def test_a_lock_names_who_holds_it_until_it_is_released(open_ledger: Opener) -> None:
    taken = open_ledger().take_lock(TABLE, me(), over=None)
    assert open_ledger().lock(TABLE) == taken
    assert taken.owner.pid == os.getpid()
    assert open_ledger().lock("clean.shop.other") is None
    open_ledger().release_lock(taken)
    assert open_ledger().lock(TABLE) is None


def test_a_held_lock_is_refused_and_its_owner_named(ledger: Ledger) -> None:
    ledger.take_lock(TABLE, ELSEWHERE, over=None)
    with pytest.raises(LockHeld, match=r"run elsewhere \(process 1 on another-machine\) since 2"):
        ledger.take_lock(TABLE, me(), over=None)


def test_the_token_rises_with_every_change_of_hands_and_the_beat_with_every_sign_of_life(
    ledger: Ledger,
) -> None:
    first = ledger.take_lock(TABLE, me(), over=None)
    alive = ledger.renew_lock(first)
    assert (alive.token, alive.beat) == (first.token, first.beat + 1)
    ledger.release_lock(alive)
    second = ledger.take_lock(TABLE, me(), over=None)
    assert second.token > first.token
    third = ledger.take_lock(TABLE, me("run 2"), over=second)
    assert third.token > second.token


def test_who_gave_a_sign_of_life_is_not_taken_over(ledger: Ledger) -> None:
    seen = ledger.take_lock(TABLE, ELSEWHERE, over=None)
    alive = ledger.renew_lock(seen)
    with pytest.raises(LockHeld):
        ledger.take_lock(TABLE, me(), over=seen)
    assert ledger.lock(TABLE) == alive


def test_a_lost_lock_is_neither_renewed_nor_released(ledger: Ledger) -> None:
    lost = ledger.take_lock(TABLE, me("run 1"), over=None)
    held = ledger.take_lock(TABLE, me("run 2"), over=lost)
    with pytest.raises(LockLost, match="run 2"):
        ledger.renew_lock(lost)
    ledger.release_lock(lost)
    assert ledger.lock(TABLE) == held
    ledger.release_lock(held)
    with pytest.raises(LockLost, match="nobody"):
        ledger.renew_lock(held)


def test_of_many_threads_that_take_one_lock_one_gets_it(open_ledger: Opener) -> None:
    taken: list[Lock] = []

    def take(number: int) -> None:
        with suppress(LockHeld):
            taken.append(open_ledger().take_lock(TABLE, me(f"run {number}"), over=None))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [open_ledger().lock(TABLE)] == taken


# --- the fence --------------------------------------------------------------------------------


def test_nothing_is_recorded_under_a_lock_that_has_changed_hands(ledger: Ledger) -> None:
    state = opened(ledger)
    delivery = Delivery(
        "shop", "order", "1", DAY, "p/", "running", datetime.now(UTC), None, 0, 0, {}
    )
    lost = ledger.take_lock(TABLE, me("run 1"), over=None)
    sleeper = ledger.under(lost)
    held = ledger.take_lock(TABLE, me("run 2"), over=lost)
    with pytest.raises(LockLost, match="run 2"):
        sleeper.record_zone(state, replacing=None)
    with pytest.raises(LockLost):
        sleeper.record_delivery(delivery)
    assert ledger.zone_state(state.batch_id, "clean") is None
    assert ledger.deliveries("shop", "order") == []
    holder = ledger.under(held)
    holder.record_zone(state, replacing=None)
    holder.record_delivery(delivery)
    assert sleeper.zone_state(state.batch_id, "clean") == state
    assert sleeper.deliveries("shop", "order") == [delivery]
    ledger.release_lock(held)
    with pytest.raises(LockLost, match="nobody"):
        holder.record_zone(replace(state, unit="v"), replacing=state)


# --- holding ----------------------------------------------------------------------------------


def test_two_on_different_tables_do_not_wait_for_each_other(open_ledger: Opener) -> None:
    said: list[str] = []
    with (
        holding(open_ledger(), "clean.shop.order", work="a", log=said.append),
        holding(open_ledger(), "clean.shop.item", work="b", log=said.append, patience_seconds=0),
    ):
        assert said == []


def test_the_second_on_one_table_waits_and_says_for_whom(open_ledger: Opener) -> None:
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with holding(open_ledger(), TABLE, work="second", log=said.append):
            order.append("second")

    with holding(open_ledger(), TABLE, work="first", log=said.append):
        waiting = threading.Thread(target=second)
        waiting.start()
        while not said:
            time.sleep(0.05)
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]
    assert len(said) == 1
    assert f"waiting for {TABLE}: first (process {os.getpid()} on " in said[0]


def test_who_waits_in_vain_is_told_who_holds_it(open_ledger: Opener) -> None:
    with (
        holding(open_ledger(), TABLE, work="first", log=print),
        pytest.raises(LockHeld, match=rf"first \(process {os.getpid()} on"),
        holding(open_ledger(), TABLE, work="second", log=print, patience_seconds=0.1),
    ):
        raise AssertionError("two hold it")


def test_a_lock_is_released_when_the_work_fails(open_ledger: Opener) -> None:
    with pytest.raises(ZeroDivisionError), holding(open_ledger(), TABLE, work="a", log=print):
        raise ZeroDivisionError
    assert open_ledger().lock(TABLE) is None


def test_a_living_holder_keeps_its_lock_beyond_its_lease(open_ledger: Opener) -> None:
    with (
        holding(open_ledger(), TABLE, work="first", log=print, lease_seconds=2.4),
        pytest.raises(LockHeld),
        holding(open_ledger(), TABLE, work="b", log=print, lease_seconds=2.4, patience_seconds=4),
    ):
        raise AssertionError("a living holder was taken over")


def test_a_holder_of_another_machine_is_taken_over_after_a_lease_of_silence(
    open_ledger: Opener,
) -> None:
    said: list[str] = []
    open_ledger().take_lock(TABLE, ELSEWHERE, over=None)
    began = time.monotonic()
    with holding(open_ledger(), TABLE, work="b", log=said.append, lease_seconds=1.0):
        assert time.monotonic() - began >= 1.0
    assert "recovered: run elsewhere (process 1 on another-machine) was silent for 1 s" in said[-1]


# --- owners -----------------------------------------------------------------------------------


def test_a_process_id_that_was_given_again_is_somebody_else() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(me(), pid=child.pid, started=psutil.Process(child.pid).create_time())
    assert not is_gone(owner)
    assert is_gone(replace(owner, started=owner.started - 60))
    assert not is_gone(replace(owner, started=0.0, host="another-machine"))
    child.kill()
    # Nobody has asked how it ended: it is a zombie, and gone.
    time.sleep(0.2)
    assert is_gone(owner)
    child.wait()
    assert is_gone(owner)
