"""Programs run beside the company: their exit status, and signals that somebody else handles."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from demo.command import ending_in_order, run_command
from demo.processes import Process
from resources.errors import TerminalError


def test_a_command_gives_its_exit_status() -> None:
    seen: list[Process] = []
    assert run_command([sys.executable, "-c", "raise SystemExit(3)"], started=seen.append) == 3
    assert len(seen) == 1


def test_a_killed_command_gives_what_a_shell_would() -> None:
    suicide = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_command([sys.executable, "-c", suicide], started=lambda _: None) == 137


def test_no_such_command_is_said_so() -> None:
    with pytest.raises(TerminalError, match="No such file"):
        run_command(["no-such-program"], started=lambda _: None)


def test_a_signal_is_an_ordinary_exit() -> None:
    with pytest.raises(SystemExit) as left, ending_in_order():
        os.kill(os.getpid(), signal.SIGTERM)
    assert left.value.code == 143


def test_a_signal_that_another_handler_took_is_not_lost() -> None:
    with ending_in_order() as leave_if_asked:
        leave_if_asked()
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
        with pytest.raises(SystemExit) as left:
            leave_if_asked()
        leave_if_asked()
    assert left.value.code == 143


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ending_in_order():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
