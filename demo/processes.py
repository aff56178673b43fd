"""Processes known by number and start time, so that a number used again is never mistaken."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

# The start time is computed from the machine's boot time, which may be told a little differently
# the next time; a number comes round again much later than this.
_SAME_START_SECONDS: Final = 2.0
_LAST_WORDS_SECONDS: Final = 3.0


@dataclass(frozen=True)
class Process:
    """A process of this machine; `started` in seconds since 1970."""

    pid: int
    started: float


def running(pid: int) -> Process | None:
    """The process that has this number now, if one has."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Process(pid, process.create_time())
    except psutil.NoSuchProcess:
        return None


def is_alive(process: Process) -> bool:
    """Whether this very process runs still."""
    now = running(process.pid)
    return now is not None and abs(now.started - process.started) < _SAME_START_SECONDS


def stop_process(process: Process, *, patience_seconds: float = 10.0) -> None:
    """Ask it to end, wait, then end it and what it started. One that has ended is no error."""
    if not is_alive(process):
        return
    with suppress(psutil.NoSuchProcess):
        handle = psutil.Process(process.pid)
        family = [*handle.children(recursive=True), handle]
        handle.terminate()
        psutil.wait_procs([handle], timeout=patience_seconds)
        # What it did not end itself has nobody else to end it now.
        for left in family:
            with suppress(psutil.NoSuchProcess):
                left.terminate()
        for unmoved in psutil.wait_procs(family, timeout=_LAST_WORDS_SECONDS)[1]:
            with suppress(psutil.NoSuchProcess):
                unmoved.kill()


def kill_process(process: Process) -> None:
    """End it now. One that has ended is no error."""
    if is_alive(process):
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            handle = psutil.Process(process.pid)
            handle.kill()
            handle.wait(5)


def send_first_line(
    process: subprocess.Popen[bytes], document: Mapping[str, object], *, close: bool
) -> None:
    """Give a started process its instructions, as one line of JSON on its standard input.

    Left open, the input is a lifeline: it comes to its end when this process does, however.
    """
    if process.stdin is not None:
        process.stdin.write(json.dumps(document).encode() + b"\n")
        process.stdin.flush()
        if close:
            process.stdin.close()
