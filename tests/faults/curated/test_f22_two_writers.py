"""F22: two writers of one table, a compaction and an expiry, and one of them asleep meanwhile: the
result is that of some order, losers try again or fail clearly, and no reader sees anything else."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import writers
from pyiceberg.exceptions import CommitFailedException, ValidationException
from witnesses import History, State, Witnesses
from writers import SQL, TALLY, TOTAL

from resources import audit_branches
from resources import catalog as catalogs
from resources.catalog import LocalCatalogResource
from resources.errors import ServiceUnavailable

ROOT = Path(__file__).parents[3]


@dataclass
class Told:
    """What the writers acknowledged, by the total that each commit left, and what they lost."""

    acknowledged: list[tuple[int, float, State]] = field(default_factory=list)
    lost: int = 0

    def take_in(self, line: str) -> None:
        told = json.loads(line)
        if "total" in told:
            state = tuple(tuple(row) for row in told["state"])
            self.acknowledged.append((told["total"], told["at"], state))
        self.lost += "lost" in told

    def history(self) -> History:
        """The order that the commits claim; each has its own place in it."""
        ordered = sorted(self.acknowledged)
        assert [total for total, _, _ in ordered] == list(range(1, len(ordered) + 1)), ordered
        states = [(), *(state for _, _, state in ordered)]
        return History(states, {total: at for total, at, _ in ordered})


class Contest:
    """Writers of one home, one of which may sleep, beside maintenance and readers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.catalog = LocalCatalogResource(home=str(home))
        self.catalog.ensure_table(TALLY)
        self.told = Told()
        self.watched = Witnesses(home, SQL)
        # Everybody at once; else the other waits for the sleeper to sleep, and nobody maintains.
        self.crowded = True
        self.maintained_every_seconds = 0.1
        self.refused = self.compacted = 0

    def run(self, sleeper: Sequence[str], other: Sequence[str], *, asleep_seconds: float) -> None:
        """Let one sleep in its second commit until the other has made all of its own."""
        started = [self._start(*arguments) for arguments in (sleeper, other)]
        over = threading.Event()
        maintaining = threading.Thread(target=self._maintain, args=(over,))
        with self.watched:
            maintaining.start()
            try:
                self._let_them_go(*started, asleep_seconds)
            finally:
                over.set()
                maintaining.join()
                for process in started:
                    process.kill()

    def _let_them_go(self, sleeper: Any, other: Any, asleep_seconds: float) -> None:
        go(sleeper)
        if self.crowded:
            go(other)
        _, status = os.waitpid(sleeper.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        if not self.crowded:
            go(other)
        time.sleep(asleep_seconds)
        self._listen(other)
        os.kill(sleeper.pid, signal.SIGCONT)
        self._listen(sleeper)

    def _start(self, *arguments: str) -> Any:
        process = subprocess.Popen(
            [sys.executable, writers.__file__, str(self.home), *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        return process

    def _listen(self, process: Any) -> None:
        for line in process.stdout:
            self.told.take_in(line)
        assert process.wait(timeout=60) == 0

    def _maintain(self, over: threading.Event) -> None:
        """Rewrite the table's files and expire what came before, again and again."""
        while self.crowded and not over.wait(self.maintained_every_seconds):
            try:
                table = self.catalog.table(TALLY.identifier)
                if table.current_snapshot() is not None:
                    table.overwrite(table.scan().to_arrow())
                    table = self.catalog.table(TALLY.identifier)
                    table.maintenance.expire_snapshots().older_than(datetime.now(UTC)).commit()
                    self.compacted += 1
            except (CommitFailedException, ValidationException):
                self.refused += 1

    def total(self) -> int:
        rows = self.catalog.table(TALLY.identifier).scan().to_arrow().to_pylist()
        return int(next(row["commits"] for row in rows if row["writer"] == TOTAL))


def go(process: Any) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.parametrize("place", [pytest.param("write", marks=pytest.mark.long), "audit"])
def test_f22_whoever_sleeps_the_result_is_that_of_some_order(tmp_path: Path, place: str) -> None:
    contest = Contest(tmp_path)
    contest.run(["ann", "3", "--sleeps-in", place], ["ben", "4"], asleep_seconds=0.5)
    assert contest.told.history().violations(contest.watched.readings) == []
    assert contest.total() == 7
    assert contest.told.lost > 0
    assert contest.compacted > 0


def test_f22_without_the_state_it_starts_from_a_sleeper_undoes_what_the_other_did(
    tmp_path: Path,
) -> None:
    contest = Contest(tmp_path)
    contest.crowded = False
    contest.run(
        ["ann", "2", "--sleeps-in", "audit", "--without", "base"],
        ["ben", "4", "--without", "base"],
        asleep_seconds=0.5,
    )
    assert contest.total() == 2


@pytest.mark.long
@pytest.mark.parametrize("engine", ["sail", pytest.param("spark", marks=pytest.mark.spark)])
def test_f22_merging_engines_and_a_sleep_of_a_minute(tmp_path: Path, engine: str) -> None:
    contest = Contest(tmp_path)
    # An engine's merge takes seconds; against a steady stream of rewrites it would always lose.
    contest.maintained_every_seconds = 10
    contest.run(
        ["ann", "4", "--engine", engine, "--sleeps-in", "write"],
        ["ben", "6", "--engine", engine],
        asleep_seconds=60,
    )
    assert contest.told.history().violations(contest.watched.readings) == []
    assert contest.total() == 10


@contextmanager
def busy(home: Path, seconds: float) -> Iterator[None]:
    """The catalog's file is locked for so long."""
    with closing(sqlite3.connect(home / "catalog.db", check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        freed = threading.Timer(seconds, connection.rollback)
        freed.start()
        yield
        freed.join()


@pytest.fixture
def hurried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> writers.Writer:
    """A writer whose catalog does not wait for a lock."""
    monkeypatch.setattr(catalogs, "LOCK_WAIT_SECONDS", 0.05)
    writer = writers.Writer(tmp_path, "ann", None)
    writer.catalog.ensure_table(TALLY)
    return writer


def test_f22_a_busy_catalog_is_asked_again(hurried: writers.Writer) -> None:
    at = audit_branches.begin(hurried.catalog, TALLY.identifier, "one")
    with busy(hurried.home, 0.6):
        hurried.write(at)
    with busy(hurried.home, 0.6):
        assert audit_branches.begin(hurried.catalog, TALLY.identifier, "one") == at
    assert audit_branches.head_of(hurried.catalog, at) is None
    hurried.write(at)
    snapshot = audit_branches.head_of(hurried.catalog, at)
    assert snapshot is not None
    with busy(hurried.home, 0.6):
        audit_branches.publish(hurried.catalog, at, snapshot)
    assert hurried.catalog.row_count(TALLY.identifier) == 2


def test_f22_without_asking_again_a_busy_catalog_fails_clearly(
    hurried: writers.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_branches, "_TRIES", 1)
    at = audit_branches.begin(hurried.catalog, TALLY.identifier, "one")
    hurried.write(at)
    snapshot = audit_branches.head_of(hurried.catalog, at)
    assert snapshot is not None
    with busy(hurried.home, 0.6), pytest.raises(ServiceUnavailable, match="refused 1 times"):
        audit_branches.publish(hurried.catalog, at, snapshot)
    assert hurried.catalog.row_count(TALLY.identifier) == 0
