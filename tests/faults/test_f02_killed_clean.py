"""F2: kill -9 before any durable call of clean, then again: the same rows, and no half of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from deaths import told_of

# A real engine for every death: all of them are for `make test-long`.
FEWEST_CALLS = 20
SAMPLE = 3


@pytest.mark.long
def test_f02_whatever_call_it_dies_before_clean_ends_the_same(tmp_path: Path) -> None:
    told = told_of(tmp_path, "clean")

    assert told.wrong == []
    assert told.ended
    assert len(told.deaths) >= FEWEST_CALLS
    assert {"engine.write", "report", "results.put", "ledger.record_zone"} <= told.places


def test_f02_a_sample_of_the_calls(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    calls = sorted(random.Random(seed).sample(range(1, FEWEST_CALLS + 1), SAMPLE))
    print(f"seed {seed}: calls {calls}")  # noqa: T201 - to die before the same calls again

    told = told_of(tmp_path, "clean", "--calls", ",".join(map(str, calls)))

    assert [death.call for death in told.deaths] == calls
    assert told.wrong == []


@pytest.mark.parametrize(
    ("protection", "calls", "fault"),
    [
        ("the-record-last", "12", "counts as clean, and its rows are not there"),
        ("the-same-place", "19", "other in the end: ['units that nobody knows']"),
    ],
)
def test_f02_without_a_protection_the_fault_is_caught(
    protection: str, calls: str, fault: str, tmp_path: Path
) -> None:
    told = told_of(tmp_path, "clean", "--without", protection, "--calls", calls)

    [death] = told.wrong
    assert fault in str(death.wrong)
