"""A demo that is killed at any moment is finished by the next one, with the same result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from lineage import REPOSITORY, Lineage

pytestmark = pytest.mark.flow


@pytest.mark.parametrize("zone", ["raw", "curated"])
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

    fresh.demo()
    assert fresh.digests() == sail.digests()
