"""Another program, run beside the company and never left behind by it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from demo.processes import Process, running, stop_process
from resources.errors import TerminalError

# How long a program has to end by itself after Ctrl-C, which it got as well.
_PATIENCE_SECONDS: Final = 20.0
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Make the signals that ask for an end raise SystemExit, so that clean-up runs as always."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {ending: signal.signal(ending, leave) for ending in _ENDING}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


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
        # Ctrl-C reaches every program of the terminal; this one ends in its own time.
        return _shell_status(child.wait(_PATIENCE_SECONDS))
    finally:
        if process is not None:
            stop_process(process)
        child.poll()


def _shell_status(code: int) -> int:
    return code if code >= 0 else 128 - code
