"""A Python for the peers: made once for each version of `requirements.txt`, apart from ours."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def peers_python(folder: Path) -> Path:
    """The interpreter that has the peers, below `folder`.

    Raises:
        subprocess.CalledProcessError: something cannot be installed.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    environment = folder / f"peers-{digest}"
    python = environment / "bin" / "python"
    if (environment / "complete").exists():
        return python
    shutil.rmtree(environment, ignore_errors=True)
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, str(environment)], check=True)
    subprocess.run(
        [
            *(uv, "pip", "install", "-q", "--compile-bytecode"),
            *("-p", str(python), "-r", str(REQUIREMENTS)),
        ],
        check=True,
    )
    (environment / "complete").touch()
    return python
