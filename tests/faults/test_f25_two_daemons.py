"""F25: a second daemon on one home is refused with the first named; a killed one leaves it free."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from resources.errors import HomeTaken
from resources.local.daemon import expect_no_daemon

ROOT = Path(__file__).parents[2]
READY_SECONDS = 60
# A first heartbeat, a look around for five seconds, and the controller's own five.
REFUSED_SECONDS = 60
NOTHING = "import dagster as dg\n\n\n@dg.asset\ndef nothing() -> None: ...\n"
DAEMON = "import sys; {patch}; from dagster._daemon.cli import main; main()"
# What the refusal is against: both daemons live.
UNREFUSED = "from resources.local import daemon; daemon.take_home = lambda _home: None"
Start = Callable[..., "Daemon"]


class Daemon:
    """A real `dagster-daemon run` on a home, and what it said."""

    def __init__(self, home: Path, log: Path, patch: str) -> None:
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", DAEMON.format(patch=patch), "run", "-f", "nothing.py"],
                # Without a `.env`, which belongs to whoever works in the checkout.
                cwd=home.parent,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "PRODUCT360_HOME": str(home),
                    "DAGSTER_HOME": str(home / "dagster"),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """With everything that it started, as a crash of the machine would."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / "dagster").mkdir(parents=True)
    (folder / "dagster" / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    (tmp_path / "nothing.py").write_text(NOTHING)
    return folder


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    started: list[Daemon] = []

    def daemon(*, patch: str = "pass") -> Daemon:
        started.append(Daemon(home, home / f"daemon-{len(started)}.log", patch))
        return started[-1]

    yield daemon
    for one in started:
        one.kill()


def until_at_work(daemon: Daemon, home: Path) -> None:
    """Until the daemon has taken the home."""
    deadline = time.monotonic() + READY_SECONDS
    lock = home / "daemon.lock"
    while not lock.exists() or f'"pid": {daemon.process.pid},' not in lock.read_text():
        assert daemon.process.poll() is None, daemon.said
        assert time.monotonic() < deadline, daemon.said
        time.sleep(0.1)


def test_f25_a_second_daemon_is_refused_and_a_killed_one_leaves_its_home(
    home: Path, start: Start
) -> None:
    first = start()
    until_at_work(first, home)
    second = start()
    assert second.process.wait(REFUSED_SECONDS) != 0
    owner = f"process {first.process.pid} on {socket.gethostname()}"
    assert f"found another daemon at work on it: {owner}" in second.said
    assert f"kill {first.process.pid}" in second.said
    assert second.said.count("another daemon at work on it") == 1
    assert first.process.poll() is None
    with pytest.raises(HomeTaken, match=owner):
        expect_no_daemon(home, patience_seconds=0)

    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    expect_no_daemon(home)
    until_at_work(start(), home)


@pytest.mark.long
def test_f25_without_the_refusal_two_daemons_work_on_one_home(home: Path, start: Start) -> None:
    first = start()
    until_at_work(first, home)
    second = start(patch=UNREFUSED)
    deadline = time.monotonic() + READY_SECONDS
    # Dagster says this once the daemon has sent its heartbeats and begins to look for work.
    while "Checking for new runs" not in second.said and "SensorDaemon" not in second.said:
        assert time.monotonic() < deadline, second.said
        time.sleep(0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        second.process.wait(12)
    assert first.process.poll() is None


def test_f25_looking_who_is_there_takes_nothing(home: Path) -> None:
    expect_no_daemon(home)
    assert not (home / "daemon.lock").exists()
