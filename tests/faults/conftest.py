"""What a machine can be like for a newcomer: disks that are small or read-only, other checkouts."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def mounted(size_megabytes: int) -> Iterator[Path]:
    """A real disk of that size, in memory."""
    # Not below pytest's own folder: a second session closes that to the user PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="product360-disk-") as folder:
        Path(folder).chmod(0o755)
        options = f"size={size_megabytes}m,mode=755"
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {made.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            # Lazily, should an engine still have a log open on it.
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk() -> Iterator[Callable[[int], Path]]:
    """Makes disks of so many megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with ExitStack() as stack:
        yield lambda size_megabytes: stack.enter_context(mounted(size_megabytes))


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A checkout without installation: `make` writes there, and this one belongs to its user."""
    with tempfile.TemporaryDirectory(prefix="product360-checkout-") as folder:
        Path(folder).chmod(0o755)
        for path in REPOSITORY.iterdir():
            if path.name not in {".env", ".git", ".product360", ".venv"}:
                (Path(folder) / path.name).symlink_to(path)
        yield Path(folder)


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in a checkout with some variables changed; None removes one."""

    def started(
        *command: str, cwd: Path = REPOSITORY, **variables: str | None
    ) -> subprocess.CompletedProcess[str]:
        inherited: Mapping[str, str | None] = {**os.environ, "PRODUCT360_ENV": "local"}
        changed = {**inherited, "DAGSTER_HOME": None, "COLUMNS": "1000", **variables}
        return subprocess.run(
            command,
            cwd=cwd,
            env={name: value for name, value in changed.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return started
