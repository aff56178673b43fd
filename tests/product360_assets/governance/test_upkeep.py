"""Upkeep changes how a table lies on disk and never what it holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from kept import NAME, Kept
from pyiceberg.table.snapshots import Operation, Summary

from product360_assets.curated.commits import newest_snapshot, snapshot_with
from resources import compaction
from resources.errors import JobFailed, MaintenanceRefused
from resources.locks import holding
from resources.maintenance import MaintenanceResource

A_MONTH = timedelta(days=30)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept.below(tmp_path)


def test_a_few_small_files_are_left_alone(kept: Kept) -> None:
    kept.commits(4)
    assert kept.plan() == []


def test_a_plan_changes_nothing(kept: Kept) -> None:
    kept.commits(9)
    before = kept.table().metadata
    assert [step.action for step in kept.plan(after=A_MONTH)] == ["compaction", "snapshots"]
    assert kept.table().metadata == before


def test_many_small_files_become_one_in_each_partition_with_the_same_rows(kept: Kept) -> None:
    kept.commits(9)
    digest, content = kept.digest(), newest_snapshot(kept.keeper.catalog, NAME)["snapshot-id"]
    [step] = kept.keep("compaction")
    assert (step.files, step.outcome, len(kept.files())) == (18, "done", 2)
    assert kept.digest() == digest
    assert kept.table().current_snapshot().summary["operation"].value == "replace"
    # Whoever asks what the table was made from sees the publication, not the upkeep.
    newest = newest_snapshot(kept.keeper.catalog, NAME)
    assert (newest["snapshot-id"], newest["product360.commit-id"]) == (content, "c8")
    assert kept.plan("compaction") == []


def test_a_table_with_its_own_target_is_compacted_once(kept: Kept) -> None:
    kept.commits(9, size=2_000)
    with kept.table().transaction() as changes:
        changes.set_properties({"write.target-file-size-bytes": "16000"})
    [planned] = kept.plan("compaction")
    digest = kept.digest()
    kept.keep("compaction")
    # In memory the rows of one new file are larger than the target, which is of sizes on disk.
    written = len(kept.files()) - (18 - planned.files)
    assert planned.found == f"{planned.files} files that {written} could hold"
    assert kept.digest() == digest
    assert kept.plan("compaction") == []


def test_what_the_last_commit_said_outlives_its_snapshot(kept: Kept) -> None:
    kept.commits(9)
    content = newest_snapshot(kept.keeper.catalog, NAME)["snapshot-id"]
    digest = kept.digest()
    kept.keep("compaction")
    kept.keep("snapshots", after=A_MONTH)
    assert len(kept.table().metadata.snapshots) == 1
    kept.keep("orphans", after=A_MONTH)
    assert kept.digest() == digest
    assert newest_snapshot(kept.keeper.catalog, NAME)["snapshot-id"] == content
    assert snapshot_with(kept.keeper.catalog, NAME, {"product360.commit-id": "c8"})
    data = list((kept.home / "lake/curated/sale/data").rglob("*.parquet"))
    assert len(data) == len(kept.files()) == 2


def test_a_rewrite_that_loses_a_row_is_not_committed(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.commits(9)
    before, honest = kept.table().metadata, compaction._dataframe_to_data_files
    monkeypatch.setattr(
        compaction,
        "_dataframe_to_data_files",
        lambda metadata, rows, io: honest(metadata, rows.slice(1), io),
    )
    with pytest.raises(JobFailed, match="the digest of the files that they replace"):
        kept.keep("compaction")
    assert kept.table().metadata == before


def test_a_commit_that_comes_meanwhile_is_kept(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.commits(9)
    honest = compaction.replace_files

    def late(*arguments: object, **named: object) -> None:
        properties = {"product360.commit-id": "meanwhile"}
        kept.table().append(kept.rows(100, 4), snapshot_properties=properties)
        honest(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "replace_files", late)
    assert [step.outcome for step in kept.keep("compaction")] == ["done"]
    assert kept.table().scan().count() == 40
    assert newest_snapshot(kept.keeper.catalog, NAME)["product360.commit-id"] == "meanwhile"


def test_a_file_that_was_taken_away_meanwhile_does_not_come_back(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.commits(9)
    honest = compaction.replace_files

    def late(*arguments: object, **named: object) -> None:
        kept.table().delete("sale_id < 4")
        honest(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "replace_files", late)
    assert [step.outcome for step in kept.keep("compaction")] == ["left for the next time"]
    assert kept.table().scan().count() == 32


def test_manifests_are_merged_and_name_the_same_files(kept: Kept) -> None:
    kept.commits(21)
    files, digest = set(kept.files()), kept.digest()
    [step] = kept.keep("manifests")
    table = kept.table()
    assert (step.files, len(table.current_snapshot().manifests(table.io))) == (21, 1)
    assert (set(kept.files()), kept.digest()) == (files, digest)


def test_tags_branches_and_what_a_reader_may_hold_stay(kept: Kept) -> None:
    kept.commits(4)
    first, second, third, _ = (each.snapshot_id for each in kept.table().metadata.snapshots)
    with kept.table().manage_snapshots() as refs:
        refs.create_tag(first, "release-1").create_branch(second, "audit-1")
    assert kept.plan("snapshots", after=timedelta(days=6)) == []
    kept.keep("snapshots", after=A_MONTH)
    stay = {each.snapshot_id for each in kept.table().metadata.snapshots}
    assert {first, second} <= stay
    assert third not in stay


def test_windows_below_the_longest_read_are_refused(kept: Kept) -> None:
    limits = MaintenanceResource(longest_read_hours=10)
    assert limits.snapshot_window(timedelta(hours=10)) == timedelta(hours=10)
    with pytest.raises(MaintenanceRefused, match="the longest read"):
        limits.snapshot_window(timedelta(hours=9))


def test_a_busy_table_is_left_for_the_next_time(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.commits(9)
    monkeypatch.setattr("product360_assets.governance.upkeep.PATIENCE_SECONDS", 0.0)
    with holding(kept.keeper.ledger, NAME, work="a publisher", log=print):
        assert [step.outcome for step in kept.keep()] == ["left for the next time"]
    assert len(kept.files()) == 18


def test_upkeep_by_others_is_looked_through(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.commits(9)
    before = newest_snapshot(kept.keeper.catalog, NAME)
    monkeypatch.setattr("resources.replacing._replacing", _silently)
    kept.keep("compaction")
    assert len(kept.table().metadata.snapshots) == 10
    assert newest_snapshot(kept.keeper.catalog, NAME) == before


def _silently(summary: Summary, *_: object) -> Summary:
    """What others say of a rewrite."""
    return Summary(Operation.REPLACE, **summary.additional_properties)


def test_a_format_that_athena_cannot_read_is_refused_while_it_reads() -> None:
    with pytest.raises(MaintenanceRefused, match="version 3, which athena cannot read"):
        MaintenanceResource().require_readable(NAME, 3)
    MaintenanceResource(consumers=["spark"]).require_readable(NAME, 3)
