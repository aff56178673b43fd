"""F6: killed between the two commits of a batch: its deletes are remembered, its rows not there.

Readers of both tables see that skew and no other: a tombstone of a row that still stands, for as
long as it takes to publish again. Then both say the same.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import selling
from selling import SQL
from witnesses import History, State, Witnesses

from resources.catalog import LocalCatalogResource
from resources.local.warehouse import LocalWarehouse

ROOT = Path(__file__).parents[2]
SOLD: State = (("line", 1), ("line", 2), ("line", 3))
SKEWED: State = (*SOLD, ("tombstone", 1))
AFTER: State = (("line", 2), ("line", 3), ("line", 4), ("tombstone", 1))


def sell(home: Path, day: int, *options: str) -> subprocess.CompletedProcess[str]:
    """Publish a day in a process of its own."""
    return subprocess.run(
        [sys.executable, selling.__file__, str(home), str(day), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def seen(home: Path) -> State:
    return LocalWarehouse(catalog=LocalCatalogResource(home=str(home))).query(SQL).rows


def killed_between_the_commits(home: Path, *options: str) -> None:
    assert sell(home, 1, *options).stdout == "published"
    assert seen(home) == SOLD
    assert sell(home, 2, *options, "--dies-before", "2").returncode == -signal.SIGKILL
    assert seen(home) == SKEWED


def test_f06_killed_between_tombstones_and_table_both_say_the_same_in_the_end(
    tmp_path: Path,
) -> None:
    assert sell(tmp_path, 1).stdout == "published"
    with Witnesses(tmp_path, SQL) as watched:
        assert sell(tmp_path, 2, "--dies-before", "2").returncode == -signal.SIGKILL
        assert seen(tmp_path) == SKEWED
        assert sell(tmp_path, 2).stdout == "published"
    assert History([SOLD, SKEWED, AFTER]).violations(watched.readings) == []
    assert {each.state for each in watched.readings} == {SOLD, SKEWED, AFTER}
    assert seen(tmp_path) == AFTER


@pytest.mark.long
def test_f06_what_was_buried_before_the_death_stays_buried(tmp_path: Path) -> None:
    killed_between_the_commits(tmp_path)
    # A change of the line that is older than its delete comes in the same publication.
    assert sell(tmp_path, 3).stdout == "published"
    assert seen(tmp_path) == AFTER


@pytest.mark.long
@pytest.mark.spark
def test_f06_an_engine_that_commits_what_it_did_not_change_may_bury_again(tmp_path: Path) -> None:
    spark = ("--engine", "spark")
    killed_between_the_commits(tmp_path, *spark)
    refused = sell(tmp_path, 2, *spark, "--without", "once-per-table")
    assert "is in the table, by snapshot" in refused.stderr
    assert seen(tmp_path) == SKEWED
    assert sell(tmp_path, 2, *spark).stdout == "published"
    assert seen(tmp_path) == AFTER


@pytest.mark.long
def test_f06_without_a_commit_of_its_own_the_table_would_never_get_the_batch(
    tmp_path: Path,
) -> None:
    killed_between_the_commits(tmp_path)
    assert sell(tmp_path, 2, "--without", "own-commit").stdout == "recovered"
    assert seen(tmp_path) == SKEWED
