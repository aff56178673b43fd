"""A demo that is killed at any moment is finished by the next one, with the same result."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from lineage import REPOSITORY, Lineage

pytestmark = pytest.mark.flow


# Raw is killed before every durable call elsewhere; here, with everything around it.
@pytest.mark.parametrize("zone", [pytest.param("raw", marks=pytest.mark.long), "curated"])
def test_killed_half_way_and_run_again_it_ends_the_same(
    zone: str, sail: Lineage, fresh: Lineage
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=REPOSITORY,
        env=fresh.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    folder = fresh.home / "lake" / zone
    while not any(folder.rglob("*.parquet")):
        assert demo.poll() is None, "the demo ended before it could be killed"
        assert time.monotonic() < deadline, f"nothing arrived in {zone}"
        time.sleep(0.05)
    children = psutil.Process(demo.pid).children(recursive=True)
    os.kill(demo.pid, signal.SIGKILL)
    demo.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == [], "a child outlived its killed parent"

    told = " ".join(fresh.demo().split())
    job = r"accept_\w+" if zone == "raw" else "publish"
    killed = (
        rf"A run of {job} \(\w{{8}}\) was killed, or the machine went down; its work is taken up."
    )
    assert re.search(killed, told)
    assert fresh.digests() == sail.digests()
    assert "Nothing was new: no batch was accepted, and no table has changed." in fresh.demo()


@pytest.mark.long
def test_an_engine_that_is_killed_half_way_is_named_and_the_next_demo_goes_on(
    sail: Lineage, fresh: Lineage
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=REPOSITORY,
        env=fresh.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 240
    while not any((fresh.home / "lake" / "clean").rglob("*.parquet")):
        assert demo.poll() is None, "the demo ended before its engine could be killed"
        assert time.monotonic() < deadline, "nothing arrived in clean"
        time.sleep(0.05)
    children = psutil.Process(demo.pid).children(recursive=True)
    (engine,) = [child for child in children if "sail_host" in " ".join(child.cmdline())]
    engine.kill()
    told = " ".join(demo.communicate()[0].split())
    assert demo.returncode == 1
    assert "found the engine ended in the middle of the job (signal SIGKILL)." in told
    assert "Expected a job that runs to its end. Next: run it again, on a new engine" in told
    assert "`make demo` goes on where it stopped" in told

    fresh.demo()
    assert fresh.digests() == sail.digests()
