"""F23: orphans are removed while a slow write has its files there and has not committed yet."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from kept import Kept
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.manifest import DataFile

from product360_assets.governance.upkeep import Windows
from resources.errors import MaintenanceRefused
from resources.locks import holding
from resources.maintenance import MaintenanceResource

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    kept = Kept.below(tmp_path)
    kept.commits(2)
    return kept


def begun(kept: Kept) -> list[DataFile]:
    """A write that put its files there two hours ago."""
    table = kept.table()
    files = list(_dataframe_to_data_files(table.metadata, kept.rows(100, 4), table.io))
    for file in files:
        then = time.time() - 2 * 3600
        os.utime(file.file_path.removeprefix("file://"), (then, then))
    return files


def ended(kept: Kept, files: list[DataFile]) -> None:
    with (
        kept.table().transaction() as transaction,
        transaction.update_snapshot().fast_append() as w,
    ):
        for file in files:
            w.append_data_file(file)


def test_f23_a_window_below_the_longest_write_is_refused_and_live_files_survive(
    kept: Kept,
) -> None:
    files = begun(kept)
    with pytest.raises(MaintenanceRefused, match="the longest write"):
        kept.keep("orphans", asked=Windows(orphans=AN_HOUR))
    assert kept.keep("orphans") == []
    ended(kept, files)
    assert kept.table().scan().to_arrow().num_rows == 12


def test_f23_without_the_floor_the_write_loses_its_files(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = begun(kept)
    monkeypatch.setattr(MaintenanceResource, "orphan_window", lambda self, asked=None: AN_HOUR)
    assert [step.files for step in kept.keep("orphans")] == [2]
    ended(kept, files)
    with pytest.raises(FileNotFoundError):
        kept.table().scan().to_arrow()


def test_f23_what_a_lock_says_is_under_way_is_younger_than_any_orphan(kept: Kept) -> None:
    begun(kept)
    later = 3 * timedelta(hours=24) + AN_HOUR
    assert len(kept.plan("orphans", after=later)) == 1
    with holding(kept.keeper.ledger, "curated.sale", work="a slow write", log=print):
        assert kept.plan("orphans", after=later) == []


def test_f23_a_file_that_is_committed_after_planning_is_not_removed(kept: Kept) -> None:
    from resources.orphans import orphans, remove

    files = begun(kept)
    table, store = kept.table(), kept.keeper.lake.zone("curated")
    found = orphans(table, store, before=kept.keeper.now - AN_HOUR)
    assert len(found) == 2
    ended(kept, files)
    with pytest.raises(MaintenanceRefused, match="names it since it was planned"):
        remove(table, found)
    assert kept.table().scan().to_arrow().num_rows == 12
