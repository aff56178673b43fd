"""Another program, run beside the company and never left behind by it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from demo.processes import Process, running, stop_process
from resources.errors import TerminalError

# How long a program has to end by itself after Ctrl-C, which it got as well.
_PATIENCE_SECONDS: Final = 20.0
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_in_order() -> Iterator[Callable[[], None]]:
    """Make the signals that ask for an end raise SystemExit, so that clean-up runs as always.

    Yields:
        A function that raises if such a signal, or Ctrl-C, has come so far. It is needed because
        Dagster takes the handlers over while it executes a run, and takes a signal to be the end of
        that run only. The wake-up descriptor hears of every signal, whoever handles it.
    """

    def leave(number: int, _: FrameType | None = None) -> None:
        raise SystemExit(128 + number)

    def leave_if_asked() -> None:
        with suppress(BlockingIOError):
            for number in os.read(heard, 64):
                if number == signal.SIGINT:
                    raise KeyboardInterrupt
                if number in _ENDING:
                    leave(number)

    heard, hearing = os.pipe()
    for end in (heard, hearing):
        os.set_blocking(end, False)
    heard_before = signal.set_wakeup_fd(hearing, warn_on_full_buffer=False)
    before = {ending: signal.signal(ending, leave) for ending in _ENDING}
    try:
        yield leave_if_asked
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        signal.set_wakeup_fd(heard_before)
        os.close(heard)
        os.close(hearing)


def run_command(arguments: Sequence[str], *, started: Callable[[Process], object]) -> int:
    """Run a program with this one's input and output, and return its exit status.

    Args:
        arguments: the program and its arguments.
        started: is told the process.

    Raises:
        TerminalError: there is no such program.
    """
    try:
        child = subprocess.Popen(arguments)
    except OSError as error:
        raise TerminalError(
            f"command {arguments[0]}",
            found=f"{error.strerror}",
            expected="a program that can be run",
            next_move="for example: python -m demo run -- product360 status",
        ) from error
    process = running(child.pid)
    try:
        if process is not None:
            started(process)
        return _shell_status(child.wait())
    except KeyboardInterrupt:
        # Ctrl-C reaches every program of the terminal; this one ends in its own time, to a limit.
        with suppress(subprocess.TimeoutExpired):
            child.wait(_PATIENCE_SECONDS)
        raise
    finally:
        if process is not None:
            stop_process(process)
        child.poll()


def _shell_status(code: int) -> int:
    return code if code >= 0 else 128 - code
