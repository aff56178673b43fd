"""What the doctor says of a home that cannot be written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from resources.doctor import Wanted, examine
from resources.environments import settings
from resources.local.doctor import local_checks


def test_a_read_only_home_is_named_and_what_is_in_it_is_left_alone(
    disk: Callable[[int], Path],
) -> None:
    folder = disk(1)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    chosen = settings({"PRODUCT360_HOME": str(folder / "home")})
    checks = [c for c in local_checks(chosen, Wanted(), None) if c.name not in ("java", "engine")]
    found = dict(examine(checks))
    assert found["home"].state == "failed"
    assert "read-only file system" in found["home"].found
    assert found["home"].fix.endswith("choose another one with PRODUCT360_HOME")
    assert found["disk"].state == "failed"
    assert "MB or more" in found["disk"].expected
    others = [each for name, each in found.items() if name not in ("home", "disk")]
    assert {each.state for each in others} == {"skipped"}
    assert "the check 'home' failed" in found["ledger"].found
