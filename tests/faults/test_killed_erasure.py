"""kill -9 before any durable call of an erasure: asked for again, it ends the same, and meanwhile
nobody else loses a cent."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from deaths import told_of

FEWEST_CALLS, FEWEST_WITH_CLEAN = 120, 140
SAMPLE, LONG_SAMPLE = 4, 25
# Between the snapshots' expiry and the deletion of the files that they named.
AFTER_THE_EXPIRY = "51"


@pytest.mark.long
def test_whatever_call_it_dies_before_the_subject_is_gone_from_tables(tmp_path: Path) -> None:
    told = told_of(tmp_path, "erase-tables")

    assert told.wrong == []
    assert told.ended
    assert len(told.deaths) >= FEWEST_CALLS
    assert {"clean.put", "table.commit", "table.commit.answer", "file.delete"} <= told.places


def test_a_sample_of_the_calls_in_tables(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    calls = sorted(random.Random(seed).sample(range(1, FEWEST_CALLS + 1), SAMPLE))
    print(f"seed {seed}: calls {calls}")  # noqa: T201 - to die before the same calls again

    told = told_of(tmp_path, "erase-tables", "--calls", ",".join(map(str, calls)))

    assert [death.call for death in told.deaths] == calls
    assert told.wrong == []


@pytest.mark.long
def test_a_sample_of_the_calls_with_clean_made_again(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    calls = sorted(random.Random(seed).sample(range(1, FEWEST_WITH_CLEAN + 1), LONG_SAMPLE))
    print(f"seed {seed}: calls {calls}")  # noqa: T201 - to die before the same calls again

    told = told_of(tmp_path, "erase", "--calls", ",".join(map(str, calls)))

    assert [death.call for death in told.deaths] == calls
    assert told.wrong == []


def test_without_writing_files_down_a_death_leaves_the_subject_behind(tmp_path: Path) -> None:
    told = told_of(
        tmp_path, "erase-tables", "--without", "files-written-down", "--calls", AFTER_THE_EXPIRY
    )

    [death] = told.wrong
    assert death.before == "file.delete"
    assert death.wrong is not None
    assert "doing it again failed" in death.wrong
