"""What the measurements of the curated zone say is what was recorded, and what they do is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.curated.commits import KEPT, NOT_KEPT, commits
from benchmarks.curated.modes import changes_of
from benchmarks.curated.page import render
from benchmarks.processes import cpu_seconds_here
from benchmarks.soak.running import LIMITS

RESULTS = Path(__file__).parents[2] / "benchmarks/results"


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*-curated.json")), ids=lambda file: file.stem)
def test_a_page_is_rendered_from_what_was_recorded(file: Path) -> None:
    assert render(json.loads(file.read_text())) == file.with_suffix(".md").read_text()


def test_a_days_corrections_are_as_many_as_its_lines_and_come_from_all_days_before() -> None:
    days = [date(2017, 1, 1) + timedelta(days=number) for number in range(30) for _ in range(10)]
    values = pa.array([Decimal(1)] * 300, pa.decimal128(12, 2))
    rows = pa.table({"business_date": days, "sales_value": values, "line": list(range(300))})
    found = changes_of(rows, days[-1], 3)
    assert found.new["line"].to_pylist() == list(range(290, 300))
    assert found.corrected.num_rows == 10
    assert len(set(found.corrected["business_date"].to_pylist())) == 10
    assert set(found.corrected["sales_value"].to_pylist()) == {Decimal(4)}


def test_what_an_engine_below_this_process_spends_counts() -> None:
    script = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    before = cpu_seconds_here()
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as engine:
        assert engine.stdin
        assert engine.stdout
        engine.stdout.readline()
        spent = cpu_seconds_here() - before
        engine.stdin.write(b"\n")
    assert spent >= 0.45


def test_commits_are_counted_with_what_they_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    # Put back afterwards, whatever the measurement sets them to.
    for name in ("PRODUCT360_ENV", "PRODUCT360_HOME", *LIMITS):
        monkeypatch.setenv(name, "")
    said: list[str] = []
    found = {each["how"]: each for each in commits(3, 2, said.append)}
    assert [len(found[how]["seconds"]) for how in (KEPT, NOT_KEPT)] == [3, 3]
    assert (len(found[KEPT]["upkeep"]), len(found[NOT_KEPT]["upkeep"])) == (1, 0)
    assert sum("first, middle and last 50" in line for line in said) == 2
    for each in found.values():
        assert each["snapshots"] == 4
        # The catalog's first metadata file was written before there was a log of them.
        assert each["named"] <= each["there"]
        assert min(each["cpu"]) > 0
