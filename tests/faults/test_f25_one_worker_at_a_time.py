"""F25: two at work on one table, or one that was killed or slept: they take turns, never mix."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from resources import locks
from resources.errors import LockHeld
from resources.local.ledger import SqliteLedger
from resources.locks import holding

ROOT = Path(__file__).parents[2]
WORKER = """
import sys, time
from pathlib import Path
from resources import locks
from resources.local.ledger import SqliteLedgerResource
ledger, diary, table, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])
{patch}
print("ready", flush=True)
sys.stdin.readline()
with locks.holding(
    SqliteLedgerResource(path=ledger).open(), table, work=f"run on {{table}}", log=print
):
    began = time.monotonic()
    print("holds", flush=True)
    time.sleep(seconds)
    with diary.open("a") as lines:
        lines.write(f"{{table}} {{began}} {{time.monotonic()}}\\n")
"""
# What the lock is against: everybody gets in at once.
UNLOCKED = """
import contextlib
locks.holding = lambda ledger, *args, **more: contextlib.nullcontext(ledger)
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that holds a table's lock for some seconds and writes down when."""
    started: list[subprocess.Popen[str]] = []

    def worker(table: str, seconds: float = 1.0, *, patch: str = "") -> subprocess.Popen[str]:
        arguments = [str(tmp_path / "ledger.db"), str(tmp_path / "diary"), table, str(seconds)]
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER.format(patch=patch), *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield worker
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    return SqliteLedger(tmp_path / "ledger.db")


def intervals(folder: Path) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for line in (folder / "diary").read_text().splitlines():
        table, began, ended = line.split()
        found.setdefault(table, []).append((float(began), float(ended)))
    return {table: sorted(times) for table, times in found.items()}


def overlap(times: list[tuple[float, float]]) -> bool:
    return any(later[0] < sooner[1] for sooner, later in pairwise(times))


def at_once(*workers: subprocess.Popen[str]) -> list[subprocess.Popen[str]]:
    """Let workers begin together, when the slowest of them is ready."""
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return list(workers)


def until_held(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    while (line := worker.stdout.readline()).strip() != "holds":
        assert line, "the worker ended before it held the lock"


def test_f25_two_processes_on_one_table_take_turns(start: Start, tmp_path: Path) -> None:
    workers = at_once(start("clean.shop.order"), start("clean.shop.order"))
    said = [worker.communicate(timeout=60)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert not overlap(intervals(tmp_path)["clean.shop.order"])
    holder = next(w.pid for w, text in zip(workers, said, strict=True) if "waiting" not in text)
    assert any(
        f"waiting for clean.shop.order: run on clean.shop.order (process {holder} on" in text
        for text in said
    )


def test_f25_without_the_lock_two_processes_on_one_table_mix(start: Start, tmp_path: Path) -> None:
    workers = at_once(*(start("clean.shop.order", 2.0, patch=UNLOCKED) for _ in range(2)))
    for worker in workers:
        worker.communicate(timeout=60)
    assert overlap(intervals(tmp_path)["clean.shop.order"])


def test_f25_two_processes_on_different_tables_work_at_once(start: Start, tmp_path: Path) -> None:
    workers = at_once(start("clean.shop.order", 2.0), start("clean.shop.item", 2.0))
    said = [worker.communicate(timeout=60)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert said == ["holds\n", "holds\n"]
    found = intervals(tmp_path)
    assert overlap(sorted(times for [times] in found.values()))


def test_f25_the_lock_of_a_killed_process_is_recovered_at_once(
    start: Start, ledger: SqliteLedger
) -> None:
    [killed] = at_once(start("clean.shop.order", 600.0))
    until_held(killed)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    said: list[str] = []
    began = time.monotonic()
    with holding(ledger, "clean.shop.order", work="the next", log=said.append):
        assert time.monotonic() - began < locks.LEASE_SECONDS / 2
    assert len(said) == 1
    assert f"process {killed.pid} on" in said[0]
    assert said[0].endswith("has ended")


def test_f25_without_looking_for_the_owner_a_killed_process_holds_on(
    start: Start, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    [killed] = at_once(start("clean.shop.order", 600.0))
    until_held(killed)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    monkeypatch.setattr(locks, "is_gone", lambda _owner: False)
    with (
        pytest.raises(LockHeld, match=f"process {killed.pid} on"),
        holding(ledger, "clean.shop.order", work="the next", log=print, patience_seconds=2),
    ):
        raise AssertionError("it was taken over")


SLEEPER = """
import sys
from datetime import UTC, date, datetime
from resources.errors import LockLost
from resources.ledger import Batch, LandedObject, ZoneState
from resources.local.locks import SqliteLocks
from resources.local.ledger import SqliteLedgerResource
from resources.locks import holding
{patch}
ledger = SqliteLedgerResource(path=sys.argv[1]).open()
objects = (LandedObject("landing", "shop/order/a", "v1", 1),)
ledger.open_batch(Batch("b", "shop", "order", date(2017, 1, 9), "file", "0", objects))
state = ZoneState("b", "clean", 1, 1, 0, "", "sleeper", "", "", None, datetime.now(UTC), {{}})
with holding(ledger, "clean.shop.order", work="sleeper", log=print, lease_seconds=1.2) as held:
    print("holds", flush=True)
    sys.stdin.readline()
    try:
        held.record_zone(state, replacing=None)
    except LockLost as lost:
        print(f"lost: {{lost}}")
    else:
        print("recorded")
"""
UNFENCED = "SqliteLocks._fence = lambda self: None"


def sleep_through_a_lease(folder: Path, ledger: SqliteLedger, *, patch: str = "") -> str:
    """Stop a holder for longer than its lease, work meanwhile, wake it; what it then says."""
    sleeper = subprocess.Popen(
        [sys.executable, "-c", SLEEPER.format(patch=patch), str(folder / "ledger.db")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        until_held(sleeper)
        os.kill(sleeper.pid, signal.SIGSTOP)
        with holding(
            ledger, "clean.shop.order", work="next", log=print, lease_seconds=1.2
        ) as next_one:
            assert next_one.zone_state("b", "clean") is None
            os.kill(sleeper.pid, signal.SIGCONT)
            said, _ = sleeper.communicate("wake up\n", timeout=60)
        return said
    finally:
        if sleeper.poll() is None:
            sleeper.kill()
            sleeper.wait()


def test_f25_a_process_that_slept_through_its_lease_records_nothing(
    tmp_path: Path, ledger: SqliteLedger
) -> None:
    said = sleep_through_a_lease(tmp_path, ledger)
    assert (
        f"lost: the lock of clean.shop.order: found it held by next (process {os.getpid()}" in said
    )
    assert ledger.zone_state("b", "clean") is None


def test_f25_without_the_fence_a_process_that_slept_records(
    tmp_path: Path, ledger: SqliteLedger
) -> None:
    assert sleep_through_a_lease(tmp_path, ledger, patch=UNFENCED) == "recorded\n"
    assert ledger.zone_state("b", "clean") is not None
