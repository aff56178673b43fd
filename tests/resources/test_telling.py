"""A snapshot tells of a key by the files that it names and by what it says of removed ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept import Kept
from pyiceberg.manifest import ManifestFile

from resources.orphans import place_of
from resources.telling import snapshots_that_tell


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Six commits, each of sales that are greater than those before."""
    kept = Kept.below(tmp_path)
    kept.commits(6)
    return kept


def told(kept: Kept, key: str, *places: str) -> list[int]:
    """Which of the snapshots tell, counted from the oldest."""
    table = kept.table()
    order = [each.snapshot_id for each in table.metadata.snapshots]
    return [order.index(each) for each in snapshots_that_tell(table, places, "sale_id", key)]


def test_the_least_and_the_greatest_key_of_a_file_are_told_by_all_that_name_it(kept: Kept) -> None:
    assert told(kept, "3") == [0, 1, 2, 3, 4, 5]
    assert told(kept, "20") == [5]
    assert told(kept, "24") == []


def test_a_removed_file_is_no_longer_named_but_its_bounds_are(kept: Kept) -> None:
    table = kept.table()
    [*_, manifest] = table.metadata.snapshots[0].manifests(table.io)
    first = place_of(manifest.fetch_manifest_entry(table.io)[0].data_file.file_path)
    assert told(kept, "none", first) == [0, 1, 2, 3, 4, 5]
    kept.table().delete("sale_id < 4")
    assert told(kept, "none", first) == [0, 1, 2, 3, 4, 5]
    assert told(kept, "3") == [0, 1, 2, 3, 4, 5, 6]


def test_each_manifest_is_read_once_however_many_snapshots_share_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    honest = ManifestFile.fetch_manifest_entry

    def counted(manifest: ManifestFile, *given: object, **named: object) -> object:
        read.append(manifest.manifest_path)
        return honest(manifest, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ManifestFile, "fetch_manifest_entry", counted)
    assert told(kept, "24") == []
    assert len(read) == len(set(read)) == 6
