"""Runs a command as a process tree of its own and says what the whole tree took.

    python -m benchmarks.measure --into RESULT.json --log LOG [--deadline SECONDS] -- COMMAND…

This process makes itself the one that orphans of the tree fall to (a subreaper), so it waits for
every one of them in the end, also for daemons and for what was killed. What is counted:

    CPU     user and system time of every process of the tree, by the kernel, when it was waited for
    wall    from the start of the command to its own end; orphans are then given a moment, and ended
    memory  the largest sum over the tree of proportional set sizes, sampled; and the largest
            resident set that any single process ever had, by the kernel
    bytes   what the tree asked to read and write (pipes and sockets too), and what it read from and
            wrote to storage
    moments the tree's CPU as time went on: (clock, the command's own, its descendants')

The hazard: a child whose parent refuses to wait for it (SIGCHLD ignored) takes its time with it.
Nothing here does that; the sampled moments would show more than the sum, and the larger counts.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.processes import cpu_seconds, descendants, io_bytes, memory_bytes

SAMPLE_SECONDS = 0.05
# Finding new processes reads all of /proc, and memory costs the measured process a lock.
LOOK_AROUND_SECONDS = 0.25
MEMORY_SECONDS = 0.5
ORPHANS_SECONDS = 15.0
_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True)
class Measured:
    """What one run of a command took; seconds and bytes.

    `status` is the command's exit status as a shell gives it; `orphans` were ended by force.
    """

    status: int
    wall: float
    cpu_user: float
    cpu_system: float
    peak_tree: int
    peak_process: int
    bytes_read: int
    bytes_written: int
    storage_read: int
    storage_written: int
    orphans: int
    moments: tuple[tuple[float, float, float], ...]

    @property
    def cpu(self) -> float:
        """CPU seconds of the whole tree."""
        return self.cpu_user + self.cpu_system


def measured(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    deadline: float | None = None,
) -> Measured:
    """Run a command to its end in a measuring process; its output goes to `folder`/log.

    Args:
        command: the program and its arguments.
        environment: of the command.
        folder: an existing folder, for the result and the log.
        deadline: seconds after which the whole tree is ended; its status is then 124.
    """
    result = folder / "measured.json"
    options = [] if deadline is None else ["--deadline", str(deadline)]
    measuring = [sys.executable, "-m", "benchmarks.measure", "--into", str(result)]
    subprocess.run(
        [*measuring, "--log", str(folder / "log"), *options, "--", *command],
        env=dict(environment),
        check=True,
    )
    return from_document(json.loads(result.read_text()))


def from_document(document: Mapping[str, Any]) -> Measured:
    """A result as `python -m benchmarks.measure` wrote it."""
    moments = tuple((float(at), float(own), float(rest)) for at, own, rest in document["moments"])
    return Measured(**{**document, "moments": moments})


def measure(command: Sequence[str], *, log: Path, deadline: float | None) -> Measured:
    """Run a command below this process, which must have no other child, and measure it."""
    kernel = ctypes.CDLL(None)
    if kernel.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("the kernel refuses to make this process a subreaper; Linux 3.4 has it")
    # When whoever asked is gone, nobody wants to know any more.
    kernel.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, _leave)
    io_before = io_bytes(os.getpid())
    watch = _Watch(deadline)
    with log.open("ab") as output:
        watch.run(command, output.fileno())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    io_after = io_bytes(os.getpid())
    took = {name: io_after[name] - io_before[name] for name in io_before}
    # A child that nobody waited for is missing in the sum, but was seen.
    unseen = max(0.0, watch.seen_cpu() - used.ru_utime - used.ru_stime)
    return Measured(
        status=watch.status,
        wall=watch.wall,
        cpu_user=used.ru_utime + unseen,
        cpu_system=used.ru_stime,
        peak_tree=watch.peak_tree,
        peak_process=used.ru_maxrss * 1024,
        bytes_read=took["rchar"],
        bytes_written=took["wchar"],
        storage_read=took["read_bytes"],
        storage_written=took["write_bytes"],
        orphans=watch.orphans,
        moments=tuple(watch.moments),
    )


class _Watch:
    """Starts one command, samples its tree, and waits for all of it."""

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        self.status = 0
        self.wall = 0.0
        self.peak_tree = 0
        self.orphans = 0
        self.moments: list[tuple[float, float, float]] = []
        self._main = 0
        self._tree: list[int] = []
        self._looked_around = self._looked_at_memory = 0.0

    def run(self, command: Sequence[str], output: int) -> None:
        """Run it to its end, then end whatever it left behind."""
        began = time.monotonic()
        actions = [(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
        self._main = os.posix_spawnp(command[0], list(command), os.environ, file_actions=actions)
        try:
            late = self._watch(began)
        except BaseException:
            self._end(signal.SIGKILL)
            raise
        self.wall = time.monotonic() - began
        if late:
            self.status = 124
        self._wait_for_orphans()

    def _watch(self, began: float) -> bool:
        """Sample until the command has ended; whether it had to be ended."""
        late = False
        while not self._reap():
            self._sample()
            if self.deadline is not None and not late and time.monotonic() - began > self.deadline:
                late = True
                self._end(signal.SIGKILL)
            time.sleep(SAMPLE_SECONDS)
        return late

    def seen_cpu(self) -> float:
        """The most CPU that the tree was seen to have used."""
        return max((own + rest for _, own, rest in self.moments), default=0.0)

    def _reap(self) -> bool:
        """Wait for whoever has ended; whether the command itself has."""
        ended = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            if pid == self._main:
                ended = True
                code = os.waitstatus_to_exitcode(status)
                self.status = code if code >= 0 else 128 - code

    def _sample(self) -> None:
        now = time.monotonic()
        if now - self._looked_around >= LOOK_AROUND_SECONDS:
            self._looked_around = now
            self._tree = descendants(os.getpid())
        if now - self._looked_at_memory >= MEMORY_SECONDS:
            self._looked_at_memory = now
            self.peak_tree = max(self.peak_tree, sum(map(memory_bytes, self._tree)))
        reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
        own, waited_for = cpu_seconds(self._main)
        rest = sum(sum(cpu_seconds(pid)) for pid in self._tree if pid != self._main)
        gone = reaped.ru_utime + reaped.ru_stime
        self.moments.append((time.time(), own, waited_for + rest + gone))

    def _wait_for_orphans(self) -> None:
        patience = time.monotonic() + (0 if self.status == 124 else ORPHANS_SECONDS)
        while self._tree_now():
            if time.monotonic() > patience:
                self.orphans += len(self._tree)
                self._end(signal.SIGKILL)
            time.sleep(SAMPLE_SECONDS)
            self._reap()

    def _tree_now(self) -> list[int]:
        self._tree = descendants(os.getpid())
        return self._tree

    def _end(self, number: signal.Signals) -> None:
        """Signal every process of the tree, and nobody else's."""
        for pid in self._tree_now():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one command and write the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure")
    parser.add_argument("--into", type=Path, required=True, metavar="RESULT.json")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--deadline", type=float, metavar="SECONDS")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    result = measure(options.command, log=options.log, deadline=options.deadline)
    options.into.write_text(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
