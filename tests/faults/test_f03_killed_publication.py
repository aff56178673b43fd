"""F3, F4: kill -9 before and after the catalog's commit, before and after its publication, and
anywhere else in publishing: one commit, the same rows, and no reader who saw a part of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from deaths import told_of

# The commit, its answer, the publication, its answer.
AROUND_THE_COMMIT = "19,20,26,27"
PLACES = ["catalog.commit", "catalog.commit.answer", "catalog.publish", "catalog.publish.answer"]


@pytest.mark.long
def test_f03_whatever_call_it_dies_before_the_table_ends_the_same(tmp_path: Path) -> None:
    told = told_of(tmp_path, "publish")

    assert told.wrong == []
    assert told.ended
    assert {"catalog.ensure", "catalog.begin", *PLACES, "audit", "report"} <= told.places


def test_f03_around_the_commit(tmp_path: Path) -> None:
    told = told_of(tmp_path, "publish", "--calls", AROUND_THE_COMMIT)

    assert told.wrong == []
    assert [death.before for death in told.deaths] == PLACES


@pytest.mark.long
def test_f04_without_asking_the_snapshots_a_lost_answer_is_caught(tmp_path: Path) -> None:
    told = told_of(tmp_path, "publish", "--without", "asking-the-snapshots", "--calls", "27")

    [death] = told.wrong
    assert death.before == "catalog.publish.answer"
