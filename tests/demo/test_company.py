"""The company's life: it ends with its owner, however that ends, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from demo.company import Company, Started
from demo.manifest import read_manifest
from demo.processes import Process, is_alive, running, stop_process
from demo.state import CompanyState
from resources.errors import HomeMismatch, ServiceUnavailable
from resources.local.secrets import LocalSecrets
from resources.polling import wait_until

REPOSITORY = Path(__file__).parents[2]
SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture(autouse=True)
def nothing_left(own_home: Path) -> Iterator[None]:
    yield
    Company(own_home).stop()


def demo(home: Path, *arguments: str, scale: str = "smoke") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PRODUCT360_HOME": str(home), "SCALE": scale, "PRODUCT360_ENV": "local"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_sleeper(home: Path) -> tuple[subprocess.Popen[str], list[Process]]:
    """A company with a command beside it, and every process that belongs to them."""
    owner = demo(home, "run", "--", sys.executable, "-c", SLEEPER)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"
    wait_until(
        lambda: True if "command" in state_of(home).processes else None,
        deadline_seconds=10,
        what="the command in the company's state",
    )
    server = server_of(home)
    children = psutil.Process(owner.pid).children(recursive=True)
    family = [running(child.pid) for child in children]
    known = [*(process for process in family if process is not None), server]
    assert len(known) == 4  # the guardian, the services, the command, the database
    return owner, known


def state_of(home: Path) -> CompanyState:
    state = Company(home).files.read()
    assert state is not None
    return state


def server_of(home: Path) -> Process:
    pid_file = home / "company" / "postgres" / "data" / "postmaster.pid"
    server = running(int(pid_file.read_text().splitlines()[0]))
    assert server is not None
    return server


def assert_nothing_runs(home: Path, known: list[Process]) -> None:
    wait_until(
        lambda: None if any(is_alive(process) for process in known) else True,
        deadline_seconds=20,
        what="the end of the company's processes",
    )
    wait_until(
        lambda: None if (home / "company" / "state.json").exists() else True,
        deadline_seconds=10,
        what="the end of the company's state",
    )
    assert json.loads((home / "secrets.json").read_text()) == {}


@pytest.mark.parametrize(
    ("number", "exit_status"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)],
)
def test_it_ends_with_its_owner(own_home: Path, number: signal.Signals, exit_status: int) -> None:
    owner, known = run_sleeper(own_home)
    # Ctrl-C reaches all programs of a terminal; the other signals are sent to one process.
    if number == signal.SIGINT:
        os.killpg(owner.pid, number)
    else:
        os.kill(owner.pid, number)
    assert owner.wait(30) == exit_status
    assert_nothing_runs(own_home, known)


def test_what_a_killed_guardian_could_not_clean_the_next_start_does(own_home: Path) -> None:
    owner, known = run_sleeper(own_home)
    guardian = next(
        child
        for child in psutil.Process(owner.pid).children()
        if "demo.guardian" in child.cmdline()
    )
    guardian.kill()
    owner.kill()
    owner.wait(10)
    assert any(is_alive(process) for process in known)
    company = Company(own_home)
    started = company.start("smoke", owned=True)
    assert not started.borrowed
    assert not any(is_alive(process) for process in known)
    company.stop()
    assert_nothing_runs(own_home, known)


def test_a_number_that_belongs_to_somebody_else_now_is_left_alone(own_home: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.DEVNULL)
    try:
        company = Company(own_home)
        company.start("smoke", owned=True)
        company.stop()
        stranger = Process(bystander.pid, started=1.0)
        company.files.write(
            CompanyState("smoke", owner=stranger, processes={"saas": stranger}, ports={"saas": 1})
        )
        pid_file = own_home / "company" / "postgres" / "data" / "postmaster.pid"
        pid_file.write_text(f"{bystander.pid}\n")
        assert not company.start("smoke", owned=True).borrowed
        assert bystander.poll() is None
    finally:
        company.stop()
        bystander.kill()
        bystander.wait()


def test_up_stays_until_down(own_home: Path) -> None:
    up = demo(own_home, "up")
    assert up.wait(60) == 0
    status = demo(own_home, "status")
    report, _ = status.communicate()
    assert status.returncode == 0
    assert "at scale smoke" in report
    assert "pos.sales_line: 12,319 rows" in report
    known = [server_of(own_home), state_of(own_home).processes["saas"]]

    borrower = demo(own_home, "run", "--", sys.executable, "-c", "raise SystemExit(7)")
    assert borrower.wait(30) == 7
    assert all(is_alive(process) for process in known)

    advance = demo(own_home, "advance")
    told, _ = advance.communicate()
    assert advance.returncode == 0
    assert "2017-11-06 pos.sales_line: 407 inserted, 3 corrected, 0 deleted" in told
    assert state_of(own_home).rows["pos.sales_line"] == 12_319 + 407

    assert demo(own_home, "down").wait(30) == 0
    assert_nothing_runs(own_home, known)
    assert demo(own_home, "status").wait(30) == 1
    assert demo(own_home, "down").wait(30) == 0


def test_a_home_belongs_to_one_scale(company: Started, home: Path) -> None:
    with pytest.raises(HomeMismatch, match="scale smoke") as refused:
        Company(home).start("demo", owned=True)
    assert "make clean" in refused.value.next_move
    other = demo(home, "up", scale="demo")
    _, message = other.communicate()
    assert other.returncode == 1
    assert "HomeMismatch" in message
    assert Company(home).is_running(company.state)


def test_wrong_usage_says_so(tmp_path: Path) -> None:
    wrong = demo(tmp_path, "up", scale="huge")
    _, message = wrong.communicate()
    assert wrong.returncode == 2
    assert "smoke or demo or full" in " ".join(message.split())
    missing = demo(tmp_path, "nonsense")
    assert missing.wait(30) == 2


def test_a_second_start_repeats_no_delivery_and_no_load(own_home: Path) -> None:
    company = Company(own_home)
    first = company.start("smoke", owned=True).state
    company.stop()
    landed = sorted((own_home / "lake" / "landing").rglob("*.csv"))
    times = [path.stat().st_mtime_ns for path in landed]
    initialised = (own_home / "company" / "postgres" / "data" / "PG_VERSION").stat().st_mtime_ns
    second = company.start("smoke", owned=True).state
    assert second.rows == first.rows
    assert [path.stat().st_mtime_ns for path in landed] == times
    version = own_home / "company" / "postgres" / "data" / "PG_VERSION"
    assert version.stat().st_mtime_ns == initialised


def test_every_secret_is_new_at_every_start(own_home: Path) -> None:
    vault = LocalSecrets(path=str(own_home / "secrets.json"))
    references = ("catalog_database", "pos_database", "crm_api", "marketing_api")
    company = Company(own_home)
    seen = set()
    for _ in range(2):
        company.start("smoke", owned=True)
        secrets = [dict(vault.get(reference)) for reference in references]
        # The services are at the end of the year, the databases where their last changes were made.
        last_change = f"{read_manifest(own_home / 'company')[-1].landing_date}T08:00:00Z"
        clocks = [secret["clock"] for secret in secrets]
        assert clocks == [last_change] * 2 + ["2018-01-01T08:00:00Z"] * 2
        seen |= {secret.get("password") or secret["client_secret"] for secret in secrets}
        company.stop()
    assert len(seen) == 8


def test_a_process_and_its_children_are_stopped_together() -> None:
    nest = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
    parent = subprocess.Popen([sys.executable, "-c", nest], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    parent.stdout.readline()
    child = running(psutil.Process(parent.pid).children()[0].pid)
    process = running(parent.pid)
    assert child is not None
    assert process is not None
    stop_process(process)
    assert not is_alive(child)
    parent.stdout.close()


def test_a_start_that_fails_leaves_nothing_and_can_be_repeated(own_home: Path) -> None:
    before = psutil.Process().children()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        company = Company(own_home, choose_port=lambda: taken)
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="Address already in use"):
            company.start("smoke", owned=True)
        assert time.monotonic() - began < 25
    assert company.files.read() is None
    assert psutil.Process().children() == before
    assert not Company(own_home).start("smoke", owned=True).borrowed
