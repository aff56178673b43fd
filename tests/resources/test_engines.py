"""The engines as processes: how they begin, who may see them, and that they never stay behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from resources.environments import inherited_variables
from resources.errors import EngineUnavailable
from resources.local import engines
from spark.session import open_session

ENGINES = ["sail", pytest.param("spark", marks=pytest.mark.spark)]

# Starts an engine, tells what it sees, and lives until its standard input ends.
PROGRAM = """
import json, sys
from pathlib import Path
from resources.local.engines import lease_engine
from spark.session import open_session
with lease_engine(sys.argv[1], home=Path(sys.argv[2])) as lease:
    session = open_session()
    seconds = session.sql("SELECT CAST(TIMESTAMP'1970-01-01 01:00:00' AS BIGINT)").collect()[0][0]
    missing = "CAST('x' AS INT)"
    try:
        ansi = str(session.sql(f"SELECT {missing}").collect())
    except Exception as error:
        ansi = type(error).__name__
    print(json.dumps({"seconds": int(seconds), "ansi": ansi, "token": lease.bridge.token}))
    sys.stdout.flush()
sys.stdin.read()
"""


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a JVM leaves short-lived children behind as zombies."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class Started:
    """A process that holds an engine, and what it said."""

    parent: psutil.Popen
    seconds: int
    ansi: str
    token: str

    def children(self) -> list[psutil.Process]:
        found = psutil.Process(self.parent.pid).children(recursive=True)
        return [process for process in found if alive(process)]


def start(engine: str, home: Path) -> Started:
    parent = psutil.Popen(
        [sys.executable, "-c", PROGRAM, engine, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**inherited_variables(), "TZ": "Asia/Tokyo"},
    )
    return Started(parent, **json.loads(parent.stdout.readline()))


@pytest.fixture(scope="module", params=ENGINES)
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Started]:
    process = start(request.param, tmp_path_factory.mktemp(request.param))
    yield process
    process.parent.stdin.close()
    process.parent.wait(timeout=30)
    process.parent.stdout.close()


def gone(processes: list[psutil.Process], within_seconds: float = 10) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if not any(alive(process) for process in processes):
            return True
        time.sleep(0.05)
    return False


def test_an_engine_reckons_in_utc_wherever_its_parent_lives(started: Started) -> None:
    assert started.seconds == 3600


def test_a_bad_cast_is_an_error_and_not_a_null(started: Started) -> None:
    assert started.ansi == "NumberFormatException"


def test_nothing_of_an_engine_listens_beyond_loopback(started: Started) -> None:
    addresses = {
        connection.laddr.ip
        for process in [psutil.Process(started.parent.pid), *started.children()]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}


def test_the_token_stands_in_no_process_list(started: Started) -> None:
    commands = [" ".join(process.cmdline()) for process in started.children()]
    assert commands
    assert not any(started.token in command for command in commands)


def test_an_engine_ends_with_a_parent_that_ends(started: Started) -> None:
    children = started.children()
    assert children
    started.parent.stdin.close()
    assert started.parent.wait(timeout=30) == 0
    assert gone(children, within_seconds=1)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_ends_with_a_parent_that_was_killed(engine: str, tmp_path: Path) -> None:
    process = start(engine, tmp_path)
    children = process.children()
    assert children
    os.kill(process.parent.pid, signal.SIGKILL)
    process.parent.wait()
    process.parent.stdin.close()
    process.parent.stdout.close()
    assert gone(children)


def test_a_session_survives_idleness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAIL_SPARK__SESSION_TIMEOUT_SECS", "1")
    for pause_seconds in (2.5, 0):
        with engines.lease_engine("sail", home=tmp_path):
            assert open_session().sql("SELECT 1 AS one").collect()[0].one == 1
        time.sleep(pause_seconds)
    engines.stop_engine()


def test_a_session_that_has_ended_takes_nothing_along_when_it_is_collected(tmp_path: Path) -> None:
    from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

    def ask() -> Any:
        session = open_session()
        assert session.sql("SELECT 1").collect()[0][0] == 1
        return session

    with engines.lease_engine("sail", home=tmp_path):
        ended = ask()
    engines.stop_engine()
    with engines.lease_engine("sail", home=tmp_path):
        ask()
        shared = ExecutePlanResponseReattachableIterator._release_thread_pool
        assert shared is not None
        # What Python does to it at any moment, in any thread.
        type(ended).__del__(ended)
        assert ExecutePlanResponseReattachableIterator._release_thread_pool is shared
        ask()
    engines.stop_engine()


def test_a_declared_proxy_is_not_asked_for_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with engines.lease_engine("sail", home=tmp_path):
        namespaces = open_session().sql("SHOW NAMESPACES IN lake").collect()
    assert namespaces == []
    assert inherited_variables()["no_proxy"] == "example.org,127.0.0.1"
    engines.stop_engine()


def test_a_server_that_cannot_start_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAIL_EXECUTION__BATCH_SIZE", "many")
    with (
        pytest.raises(EngineUnavailable, match="PRODUCT360_ENGINE=spark") as unavailable,
        engines.lease_engine("sail", home=tmp_path),
    ):
        pass
    assert str(tmp_path / "logs" / "sail.log") in unavailable.value.next_move
    assert engines._running is None
