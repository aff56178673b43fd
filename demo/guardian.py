"""Stops the company after its owner, even one that was killed without a chance to do so itself.

    python -m demo.guardian        reads one line of JSON, waits for the end of its input, cleans up

The owner holds the other end of the input and never writes to it again, so its end means that the
owner is no more. The hazard: the next run may already be starting. Cleaning up happens under the
company's lock, and only if what runs is still the dead owner's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from demo.processes import Process, send_first_line


def spawn_guardian(folder: Path, owner: Process) -> subprocess.Popen[bytes]:
    """Start the guardian of a company's folder; closing its input lets it go."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.guardian"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        # What kills the owner's group must not kill this.
        start_new_session=True,
    )
    document = {"folder": str(folder), "pid": owner.pid, "started": owner.started}
    send_first_line(process, document, close=False)
    return process


def main() -> None:
    """Wait for the owner's end, then stop what it left running."""
    document = json.loads(sys.stdin.readline())
    sys.stdin.read()

    from demo.company import Company

    owner = Process(document["pid"], document["started"])
    Company(Path(document["folder"]).parent).stop(left_by=owner)


if __name__ == "__main__":
    main()
