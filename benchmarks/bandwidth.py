"""How fast this machine writes to its disk and hashes, in the run that is compared with it.

Acceptance copies, hashes and syncs; it can be no faster than the slower of the two. The hazard is
the page cache: bytes that were not synced were not written.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

BLOCK = os.urandom(8 * 1024 * 1024)
BLOCKS = 32


@dataclass(frozen=True)
class Bandwidth:
    """Bytes a second: written and synced, and hashed (SHA-256) by one thread."""

    disk: float
    hashing: float

    @property
    def limit(self) -> float:
        """What a copy that does both can reach at best."""
        return min(self.disk, self.hashing)


def measure_bandwidth(folder: Path) -> Bandwidth:
    """Write and hash a quarter of a gibibyte; the file is removed again."""
    return Bandwidth(disk=_written(folder / "bandwidth"), hashing=_hashed())


def _written(file: Path) -> float:
    file.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with file.open("wb") as output:
        for _ in range(BLOCKS):
            output.write(BLOCK)
        output.flush()
        os.fsync(output.fileno())
    seconds = time.monotonic() - began
    file.unlink()
    return len(BLOCK) * BLOCKS / seconds


def _hashed() -> float:
    digest = hashlib.sha256()
    began = time.monotonic()
    for _ in range(BLOCKS):
        digest.update(BLOCK)
    return len(BLOCK) * BLOCKS / (time.monotonic() - began)
