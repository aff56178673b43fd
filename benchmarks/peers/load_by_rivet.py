"""A table to Parquet by rivet's program: one full export."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.peers import timed

RIVET = Path(sys.prefix) / "bin" / "rivet"


def load(_database: str, table: str, folder: Path) -> None:
    """Files of its own naming; what it says of a failure ends in the error."""
    export = {
        "name": table.replace(".", "_"),
        "query": f"SELECT * FROM {table}",
        "mode": "full",
        "format": "parquet",
        "destination": {"type": "local", "path": str(folder / "data")},
    }
    # JSON is YAML.
    config = {
        "source": {"type": "postgres", "url_env": timed.DATABASE, "tuning": {"profile": "fast"}},
        "exports": [export],
    }
    (folder / "rivet.yaml").write_text(json.dumps(config))
    done = subprocess.run(
        [RIVET, "run", "--config", "rivet.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:])


if __name__ == "__main__":
    timed.run(load)
