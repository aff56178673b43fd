"""What the doctor says of a home that cannot be written, and of an engine that does not start."""

from __future__ import annotations

import subprocess
import sys
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


# In a process of its own: the engine of this one may be in use.
ASK = """
import sys
from pathlib import Path
from resources.doctor import Check, examine
from resources.local import sail
from resources.local.doctor_engine import look_at_engine
sail.HOST_SCRIPT = Path(sys.argv[1])
[(_, found)] = examine([Check("engine", lambda: look_at_engine("sail"))])
print(found.state, found.found, found.fix, sep="\\n")
"""


def test_an_engine_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    host = tmp_path / "host.py"
    host.write_text("import sys; sys.exit('libsomething.so.1: cannot open shared object file')")
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(host)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    state, found, fix = done.stdout.splitlines()
    assert state == "failed"
    assert "(exit status 1); its log ends with: libsomething.so.1: cannot open" in found
    assert "PRODUCT360_ENGINE" in fix
