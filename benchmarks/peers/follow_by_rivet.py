"""Changes of a table to Parquet by rivet's program, from its slot to the log's end.

The first run, which nobody times, makes the slot.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.peers import timed

RIVET = Path(sys.prefix) / "bin" / "rivet"


def load(_database: str, table: str, folder: Path) -> None:
    """Files of its own naming."""
    subprocess.run(
        [
            *(RIVET, "cdc", "--source-env", timed.DATABASE, "--output", "."),
            *("--table", table, "--slot", table.replace(".", "_")),
        ],
        cwd=folder,
        capture_output=True,
        check=True,
    )


if __name__ == "__main__":
    timed.run(load)
