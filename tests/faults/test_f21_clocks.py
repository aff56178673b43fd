"""F21: our clocks jump, disagree, turn to winter time and repeat a second; the data is the same.

Hosts are real processes whose wall clock is shifted below Python, SQLite and the engine, at any
moment while they run. What they make of the same deliveries is what a host with a right clock
makes: raw byte for byte, clean row for row but for the time at which it was taken in, and the state
that the changes fold to.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
DAYS = ("2017-11-05", "2017-11-06")
HOUR, DAY = 3600.0, 86_400.0
# The newest change of order 2 is delivered first, and that of 1 last.
FIRST = "order_id,total,modified_at\n1,10,2017-11-05 05:30:00\n2,25,2017-11-06 08:00:00\n"
SECOND = "order_id,total,modified_at\n1,15,2017-11-05 06:30:00\n2,20,2017-11-05 07:00:00\n"
STANDS = ["(1, 15)", "(2, 25)"]

Clock = Callable[[float], None]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("shifting a clock needs a C compiler on Linux")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    flags = ["-O2", "-shared", "-fPIC", "-o", str(library), str(HERE / "clock.c"), "-ldl"]
    subprocess.run([compiler, *flags], check=True)
    return library


class Machine:
    """A host with a clock of its own, `shift` seconds from ours."""

    def __init__(self, folder: Path, shim: Path, shift: float = 0.0, zone: str = "UTC") -> None:
        self._file = folder / f"clock-{len(list(folder.glob('clock-*')))}"
        self._file.write_bytes(struct.pack("q", 0))
        self.set(shift)
        preload = {"LD_PRELOAD": str(shim), "CLOCK_SHIFT": str(self._file), "TZ": zone}
        self.environment = {**os.environ, **preload}

    def set(self, shift: float) -> None:
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", int(shift * 1e9)))

    def start(self, *arguments: object, program: str = "clocked.py") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(HERE / program), *map(str, arguments)],
            cwd=REPOSITORY,
            env={**self.environment, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err[-3000:]
        return out


def delivered(folder: Path) -> Path:
    home = folder / "home"
    for day, text in zip(DAYS, (FIRST, SECOND), strict=True):
        path = home / "lake" / "landing" / "shop" / "order" / day / "orders.csv"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return home


def flow(home: Path, first: Machine, second: Machine) -> dict[str, Any]:
    """Each host accepts one day; the second makes both clean."""
    first.run("accept", home, DAYS[1])
    second.run("accept", home, DAYS[0])
    made: dict[str, Any] = json.loads(second.run("clean", home, *DAYS).splitlines()[-1])
    return made


@pytest.fixture(scope="module")
def right(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What hosts with right clocks make."""
    folder = tmp_path_factory.mktemp("right")
    host = Machine(folder, shim)
    return flow(delivered(folder), host, host)


@contextmanager
def jumping(machine: Machine, shifts: list[float], *, seed: int = 21) -> Iterator[None]:
    """The clock jumps between these shifts for as long as the block lasts."""
    dice, ended = random.Random(seed), threading.Event()

    def jump() -> None:
        while not ended.wait(0.02):
            machine.set(dice.choice(shifts))

    thread = threading.Thread(target=jump)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def until(moment: datetime) -> float:
    """The shift by which a clock shows this moment now."""
    return (moment - datetime.now(UTC)).total_seconds()


def test_f21_the_clock_of_a_host_is_really_shifted(shim: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, shim, -DAY)
    said = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"],
        env=machine.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert abs(float(said) + DAY - datetime.now(UTC).timestamp()) < 60


def test_f21_right_clocks_fold_by_the_sources_order(right: dict[str, Any]) -> None:
    assert right["stands"] == STANDS
    assert right["made"] == [2, 0]
    assert (right["in time"], right["today"]) == (True, DAYS[1])


def test_f21_a_clock_that_jumps_an_hour_back_and_a_day_forward_changes_nothing(
    shim: Path, right: dict[str, Any], tmp_path: Path
) -> None:
    host = Machine(tmp_path, shim)
    with jumping(host, [0.0, -HOUR, DAY, -1.0]):
        assert flow(delivered(tmp_path), host, host) == right


def test_f21_two_hosts_ten_minutes_apart_change_nothing(
    shim: Path, right: dict[str, Any], tmp_path: Path
) -> None:
    fast, slow = Machine(tmp_path, shim, 300.0), Machine(tmp_path, shim, -300.0)
    assert flow(delivered(tmp_path), fast, slow) == right


def test_f21_the_night_in_which_winter_time_begins_changes_nothing(
    shim: Path, right: dict[str, Any], tmp_path: Path
) -> None:
    before = until(datetime(2017, 11, 5, 5, 59, 58, tzinfo=UTC))
    host = Machine(tmp_path, shim, before, zone="America/New_York")
    assert flow(delivered(tmp_path), host, host) == right


def test_f21_a_second_that_comes_again_and_again_changes_nothing(
    shim: Path, right: dict[str, Any], tmp_path: Path
) -> None:
    leap = until(datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC))
    host = Machine(tmp_path, shim, leap)
    with jumping(host, [leap, leap - 1.0]):
        assert flow(delivered(tmp_path), host, host) == right


@pytest.fixture
def writer(shim: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A host with a right clock in the middle of writing an object."""
    process = Machine(tmp_path, shim).start("write", tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    yield process
    process.kill()
    process.communicate()


def staged(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "zone" / ".staging").iterdir()]


def test_f21_a_host_a_day_ahead_does_not_clear_away_what_another_one_is_writing(
    writer: subprocess.Popen[str], shim: Path, tmp_path: Path
) -> None:
    Machine(tmp_path, shim, DAY + HOUR).run("sweep", tmp_path)
    _, err = writer.communicate("", timeout=60)
    assert writer.returncode == 0, err
    assert (tmp_path / "zone" / "slow").read_bytes() == b"half and half"


def test_f21_what_a_dead_writer_left_is_cleared_away_a_day_later(
    writer: subprocess.Popen[str], shim: Path, tmp_path: Path
) -> None:
    writer.kill()
    writer.wait()
    Machine(tmp_path, shim, HOUR).run("sweep", tmp_path)
    assert staged(tmp_path) == [b"half "]
    Machine(tmp_path, shim, DAY + HOUR).run("sweep", tmp_path)
    assert staged(tmp_path) == []


def test_f21_without_its_lock_a_file_that_is_being_written_is_lost_to_a_clock_ahead(
    writer: subprocess.Popen[str], shim: Path, tmp_path: Path
) -> None:
    ahead = Machine(tmp_path, shim, DAY + HOUR)
    blind = (
        "import runpy, sys\nimport resources.local.folder as folder\n"
        "folder._is_being_written = lambda _: False\n"
        f"sys.argv[1:] = ['sweep', {str(tmp_path)!r}]\n"
        f"runpy.run_path({str(HERE / 'clocked.py')!r}, run_name='__main__')\n"
    )
    (tmp_path / "blind.py").write_text(blind)
    swept = ahead.start(program=str(tmp_path / "blind.py"))
    _, err = swept.communicate(timeout=60)
    assert swept.returncode == 0, err
    _, err = writer.communicate("", timeout=60)
    assert writer.returncode != 0
    assert "FileNotFoundError" in err
