"""What the kernel says of processes, from `/proc`: their parents, their CPU time, their memory.

Only Linux has it. The hazard is speed: whoever watches two cores from the side takes time from what
runs on them. So nothing here starts a program or opens more than one small file a process.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat behind the name of the program, which may itself hold blanks.
_PARENT, _FIRST_TIME = 1, 11


def descendants(root: int) -> list[int]:
    """Process ids below `root`, in no order, without `root` itself."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for name in os.listdir(PROC):
        if name.isdigit() and (fields := _stat(int(name))):
            children[int(fields[_PARENT])].append(int(name))
    found = []
    waiting = [root]
    while waiting:
        below = children[waiting.pop()]
        found += below
        waiting += below
    return found


def cpu_seconds(pid: int) -> tuple[float, float]:
    """CPU time of a process, and of the children that it has waited for; zeros when it is gone."""
    fields = _stat(pid)
    if fields is None:
        return 0.0, 0.0
    times = [int(ticks) / TICKS for ticks in fields[_FIRST_TIME : _FIRST_TIME + 4]]
    return times[0] + times[1], times[2] + times[3]


def cpu_seconds_here() -> float:
    """CPU time so far of this process and of what lives below it, such as an engine.

    Processes that have ended are missing. Where others work on the machine, it says more than the
    clock does.
    """
    mine = os.getpid()
    return sum(cpu_seconds(pid)[0] for pid in (mine, *descendants(mine)))


def memory_bytes(pid: int) -> int:
    """Memory of a process, pages that it shares divided among their users; 0 when unknown."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        # It ended, or it belongs to somebody else.
        return 0
    return 0


def io_bytes(pid: int) -> dict[str, int]:
    """Bytes that a process and its waited-for children read and wrote, by the kernel's names."""
    lines = (PROC / str(pid) / "io").read_text().splitlines()
    return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}


def _stat(pid: int) -> list[bytes] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b") ")[2].split()
    except OSError:
        return None
