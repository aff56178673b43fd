"""A Python that cannot run this is met by a message with a next move, and nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

# Says its version like a Python of the operating system, and can make no environment.
OLD_PYTHON = """#!/bin/sh
case "$1" in --version) echo "Python 3.9.18" ;; *) exit 1 ;; esac
"""
TOOLS = ("sh", "readlink", "rm", "mkdir", "cp", "touch", "make")


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with a shell's tools and no Python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return folder


def test_an_old_python_alone_is_named_with_its_version(
    run: Run, checkout: Path, programs: Path
) -> None:
    script(programs / "python3", OLD_PYTHON)
    made = run("make", "demo", cwd=checkout, PATH=str(programs), PRODUCT360_HOME=None)
    assert made.returncode != 0
    assert f"make: Python: found Python 3.9.18 ({programs}/python3)" in made.stderr
    assert "Expected: Python 3.11 or 3.12" in made.stderr
    assert "Next: install one of them" in made.stderr
    assert not (checkout / ".venv" / "bin").exists()


def test_no_python_at_all_is_said_so(run: Run, checkout: Path, programs: Path) -> None:
    made = run("make", "demo", cwd=checkout, PATH=str(programs), PRODUCT360_HOME=None)
    assert made.returncode != 0
    assert "make: Python: found none (no python3 in PATH)" in made.stderr
    assert "Expected: Python 3.11 or 3.12" in made.stderr
    assert "Next: install one of them" in made.stderr


@pytest.mark.parametrize("command", ["demo", "dev", "test", "check"])
def test_an_environment_whose_python_is_gone_is_not_a_missing_file(
    command: str, run: Run, checkout: Path
) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/opt/gone/bin/python3.12")
    for mark in (".run", ".dev", "bin/uv"):
        (checkout / ".venv" / mark).touch()
    made = run("make", command, cwd=checkout)
    assert made.returncode != 0
    assert "the Python of .venv: found /opt/gone/bin/python3.12, which does not run." in made.stderr
    assert "Expected: Python 3.11 or 3.12, as when .venv was made." in made.stderr
    assert "Next: rm -rf .venv" in made.stderr


def test_an_environment_of_another_python_is_not_used(run: Run, checkout: Path) -> None:
    script(checkout / ".venv" / "bin" / "python", OLD_PYTHON)
    made = run("make", "demo", cwd=checkout)
    assert made.returncode != 0
    assert "the Python of .venv: found Python 3.9.18." in made.stderr
    assert "Expected: Python 3.11 or 3.12, as when .venv was made." in made.stderr
    assert "Next: rm -rf .venv" in made.stderr


def test_a_python_of_another_version_is_told_where_the_right_one_is(run: Run) -> None:
    # The real module under an interpreter that says it is older; none older need be installed.
    as_old = (
        "import runpy, sys; sys.version_info = (3, 9, 18, 'final', 0); "
        "runpy.run_module('demo', run_name='__main__')"
    )
    done = run(sys.executable, "-c", as_old)
    assert done.returncode == 1
    assert done.stderr.startswith(f"PythonUnfit: the Python {sys.executable}: found version 3.9.")
    assert "Expected Python 3.11 or 3.12 with the locked packages" in done.stderr
    assert "Next: start it with make demo" in done.stderr
    assert done.stdout == ""


def test_a_python_without_the_packages_is_told_where_they_are(run: Run) -> None:
    done = run(sys.executable, "-S", "-m", "demo")
    assert done.returncode == 1
    assert re.search(r"found version 3\.1[12], without this project's packages\.", done.stderr)
    assert "Expected Python 3.11 or 3.12 with the locked packages" in done.stderr
    assert "Next: start it with make demo" in done.stderr
