"""F7: the snapshots that told of a commit have expired before its batches come again."""

from __future__ import annotations

from typing import Any

import pytest

from product360_assets.curated import publish
from product360_assets.curated.commits import BATCH_IDS
from product360_assets.curated.pending import InputBatch
from product360_assets.curated.publish import Publisher

NOTES = "curated.note"


def forget_all_commits(desk: Any) -> None:
    """Compact the table and expire everything that came before: no snapshot of ours is left."""
    table = desk.catalog.table(NOTES)
    table.overwrite(table.scan().to_arrow())
    table = desk.catalog.table(NOTES)
    expired = [each.snapshot_id for each in table.metadata.snapshots[:-1]]
    table.maintenance.expire_snapshots().by_ids(expired).commit()
    (left,) = desk.catalog.table(NOTES).metadata.snapshots
    assert left.summary is not None
    assert left.summary[BATCH_IDS] is None


def die_before_the_ledger_hears(desk: Any) -> None:
    """Publish, and be interrupted between the publication and its record."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Publisher, "_close", die)
        with pytest.raises(KeyboardInterrupt):
            desk.publish()


def test_f07_the_ledger_knows_of_commits_that_no_snapshot_tells_of(desk: Any) -> None:
    for day, text in enumerate("ab", start=1):
        desk.deliver(day, text)
        desk.publish()
    forget_all_commits(desk)
    assert desk.publish().outcome == "unchanged"
    assert desk.notes() == ["a", "b"]


def test_f07_without_the_ledger_batches_are_taken_in_again(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_pending(seen: InputBatch) -> bool:
        said = [each.get(BATCH_IDS, "") for each in desk.catalog.snapshot_summaries(NOTES)]
        return not any(seen.batch.batch_id in batches for batches in said)

    monkeypatch.setattr(InputBatch, "is_pending", property(is_pending))
    desk.deliver(1, "a")
    desk.publish()
    assert desk.publish().outcome == "unchanged"
    forget_all_commits(desk)
    desk.publish()
    assert desk.notes() == ["a", "a"]


def test_f07_a_publication_that_nobody_recorded_is_known_although_its_snapshot_is_gone(
    desk: Any,
) -> None:
    batch = desk.deliver(1, "a")
    die_before_the_ledger_hears(desk)
    forget_all_commits(desk)
    assert desk.publish().outcome == "recovered"
    assert desk.states()[batch].details["state"] == "committed"
    assert desk.notes() == ["a"]


def test_f07_without_what_the_table_says_of_its_last_publication_it_is_taken_in_twice(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "published_and_expired", lambda *_: None)
    desk.deliver(1, "a")
    die_before_the_ledger_hears(desk)
    forget_all_commits(desk)
    desk.publish()
    assert desk.notes() == ["a", "a"]
