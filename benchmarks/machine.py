"""The machine that measured: what a reader needs to compare, and nothing that names it.

No host name, no user, no path. The load average says whether others were at work: more than the
cores there are, and the wall times of the run are not worth quoting.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = (
    "dagster",
    "pyspark",
    "pysail",
    "pyiceberg",
    "pyarrow",
    "duckdb",
    "polars",
    "numpy",
    "pandas",
)


@dataclass(frozen=True)
class Machine:
    """Cores, memory and versions. `memory` in bytes."""

    cores: int
    model: str
    memory: int
    kernel: str
    python: str
    packages: Mapping[str, str]

    @property
    def short_name(self) -> str:
        """For a file's name, such as "2x-intel-xeon-platinum-8488c"."""
        words = re.sub(r"\(r\)|\(tm\)|cpu|processor|@.*", " ", self.model.lower())
        return f"{self.cores}x-" + "-".join(re.findall(r"[a-z0-9.]+", words))


def this_machine() -> Machine:
    """Look at the machine now."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        model=_processor(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        # Without what a distributor or a host appends.
        kernel=re.match(r"[0-9.]+", platform.release()).group(),  # type: ignore[union-attr]
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
    )


def load() -> tuple[float, float, float]:
    """Processes that wanted to run, on average over 1, 5 and 15 minutes."""
    return os.getloadavg()


def wait_for_quiet(seconds: float) -> None:
    """Wait until nobody else needs half a core, for so long at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        share = psutil.cpu_percent(interval=2.0) / 100
        if share * (os.cpu_count() or 1) < 0.5:
            return


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
