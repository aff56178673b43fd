"""A measurement covers every process of the tree, however it came to be and however it ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.homes import REPOSITORY
from benchmarks.measure import Measured, measured

BURN = """
import time
while time.process_time() < {seconds}:
    pass
"""


def run(folder: Path, script: str, **options: float) -> Measured:
    return measured(
        [sys.executable, "-c", script], environment=dict(os.environ), folder=folder, **options
    )


def calling(script: str, *, then: str = "") -> str:
    """A script that runs another one in a child and waits for it."""
    return f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {script!r}])\n{then}"


def test_the_cpu_of_a_grandchild_counts(tmp_path: Path) -> None:
    found = run(tmp_path, calling(calling(BURN.format(seconds=0.6))))
    assert found.status == 0
    assert found.cpu >= 0.6


def test_the_cpu_of_a_daemon_counts_although_its_parent_has_ended(tmp_path: Path) -> None:
    daemon = f"""
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {BURN.format(seconds=0.5).replace(chr(10), chr(10) + "        ")}
    os._exit(0)
"""
    found = run(tmp_path, daemon)
    assert found.cpu >= 0.5
    assert found.orphans == 0


def test_the_cpu_of_a_killed_child_counts(tmp_path: Path) -> None:
    dying = BURN.format(seconds=0.5) + "import os\nos.kill(os.getpid(), 9)"
    found = run(tmp_path, calling(dying))
    assert found.status == 0
    assert found.cpu >= 0.5


def test_two_children_at_once_are_in_memory_together(tmp_path: Path) -> None:
    holding = "import time; held = bytearray(80_000_000); time.sleep(3)"
    both = f"""
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", {holding!r}]) for _ in range(2)]
for child in children:
    child.wait()
"""
    found = run(tmp_path, both)
    assert 80_000_000 < found.peak_process < 160_000_000
    assert found.peak_tree > 160_000_000


def test_bytes_of_a_child_count(tmp_path: Path) -> None:
    writing = f"open({str(tmp_path / 'file')!r}, 'wb').write(bytes(5_000_000))"
    assert run(tmp_path, calling(writing)).bytes_written >= 5_000_000


def test_a_tree_that_does_not_end_is_ended_and_says_so(tmp_path: Path) -> None:
    found = run(tmp_path, calling("import time; time.sleep(600)"), deadline=1.0)
    assert found.status == 124
    assert found.wall < 300


def test_the_status_and_the_output_are_the_command_s_own(tmp_path: Path) -> None:
    found = run(tmp_path, "import sys; print('heard'); sys.exit(7)")
    assert found.status == 7
    assert (tmp_path / "log").read_text() == "heard\n"


def test_moments_tell_the_command_from_its_children(tmp_path: Path) -> None:
    own = BURN.format(seconds=0.4)
    found = run(tmp_path, calling(BURN.format(seconds=1.0), then="import time; time.sleep(0.5)"))
    _, its_own, children = found.moments[-1]
    assert children >= 0.9
    assert its_own < children
    _, alone, nobody = run(tmp_path, f"{own}\nimport time; time.sleep(0.5)").moments[-1]
    assert alone >= 0.3
    assert nobody == 0


def test_nothing_runs_on_when_whoever_measures_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    asking = (
        "import os, sys; from pathlib import Path; from benchmarks.measure import measured\n"
        f"measured([sys.executable, '-c', {script!r}], environment=dict(os.environ),"
        f" folder=Path({str(tmp_path)!r}))"
    )
    bench = subprocess.Popen([sys.executable, "-c", asking], cwd=REPOSITORY)
    eventually(lambda: mark.exists() and mark.read_text() != "")
    bench.kill()
    bench.wait()
    eventually(lambda: not Path(f"/proc/{mark.read_text()}").exists())


def eventually(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)
