"""A port that is taken is found before anything starts, with its holder and one that is free."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.preflight import expect_free_port
from resources.errors import PortTaken

Run = Callable[..., subprocess.CompletedProcess[str]]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def taken() -> object:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("option", ["-p", "--port"])
def test_make_dev_names_the_holder_and_starts_nothing(
    option: str, taken: int, run: Run, checkout: Path, tmp_path: Path
) -> None:
    (checkout / ".venv").symlink_to(REPOSITORY / ".venv")
    home = tmp_path / "home"
    made = run(
        *("make", "-o", ".venv/.run", "dev", f"DEV_OPTIONS={option} {taken}"),
        cwd=checkout,
        PRODUCT360_HOME=str(home),
    )
    assert made.returncode == 2  # of make; the command itself ends with 1
    message = " ".join(made.stderr.split())
    assert f"PortTaken: port {taken} of 127.0.0.1: found process {os.getpid()} " in message
    assert "Expected a port that the Dagster UI can listen on." in message
    suggested = re.search(r'make dev DEV_OPTIONS="-p (\d+)"', message)
    assert suggested is not None
    expect_free_port("127.0.0.1", int(suggested[1]))
    assert not (home / "company").exists()


def test_other_options_are_dagsters_own(taken: int, run: Run, tmp_path: Path) -> None:
    command = ("-m", "demo", "dev", "--log-level", "debug", "-p", str(taken))
    done = run(sys.executable, *command, PRODUCT360_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "PortTaken" in done.stderr


def test_a_port_just_left_is_free(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()
    expect_free_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused_in_the_systems_words() -> None:
    with pytest.raises(PortTaken) as refused:
        expect_free_port("203.0.113.1", 3000)
    assert refused.value.thing == "port 3000 of 203.0.113.1"
    assert "assign requested address" in refused.value.found
    assert refused.value.expected
    assert "DEV_OPTIONS" in refused.value.next_move
