"""Times what a side does, from inside its process, and writes a line of JSON for each table.

    SCRIPT FOLDER WARM-UP TABLE…     tables with their schema; the database is in $PEER_DATABASE

The first table is loaded before anything is timed, so that nobody pays for imports. `peak` is what
the process, or a program that it started, ever had in memory, imports included.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

DATABASE = "PEER_DATABASE"


def run(load: Callable[[str, str, Path], None]) -> None:
    """Time `load(database, table, folder)` for each table; one that fails does not end the rest."""
    database, folder = os.environ[DATABASE], Path(sys.argv[1])
    for place, table in enumerate(sys.argv[2:]):
        into = folder / table
        into.mkdir(parents=True, exist_ok=True)
        before, began = _cpu(), time.monotonic()
        error = ""
        try:
            load(database, table, into)
        except KeyboardInterrupt:
            raise
        # A Rust extension that panics raises what is no Exception.
        except BaseException as failure:  # noqa: BLE001
            error = f"{type(failure).__name__}: {failure}"
        if place:
            seconds = time.monotonic() - began
            _say(table, seconds=seconds, cpu=_cpu() - before, peak=_peak(), error=error)


def _say(table: str, **facts: float | str) -> None:
    sys.stdout.write(json.dumps({"table": table, **facts}) + "\n")
    sys.stdout.flush()


def _cpu() -> float:
    spent = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in spent)


def _peak() -> int:
    """Bytes. The kernel's figure of a process counts what it was before it became this program."""
    status = Path("/proc/self/status").read_text()
    own = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(own.split()[1]), children) * 1024
