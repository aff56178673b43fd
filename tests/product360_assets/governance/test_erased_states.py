"""Once somebody is erased, no state of a table that is kept, tagged or gone back to has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from desk import NOTES, Desk, desk
from kept_desk import known_desk

from product360_assets.curated.commits import newest_snapshot
from product360_assets.governance import rollback
from product360_assets.governance.table_erasure import Cleared, TableEraser
from product360_assets.governance.tagging import tag_tables
from product360_assets.governance.upkeep import Keeper
from resources import expiry
from resources.audit_branches import AuditBranch, waiting
from resources.errors import AuditFailed, TableMissing
from resources.maintenance import MaintenanceResource
from resources.objects import LakeResource
from resources.snapshots import snapshot_as_of

__all__ = ["desk", "known_desk"]
NAME = NOTES.identifier
# The subject's key stands in the text of a note; others sort around it.
KEY, FOLDER = "m-1228", "erasures/author/00aa"
HOW = (NOTES, "text", "remove")


def lake_of(desk: Any) -> LakeResource:
    return LakeResource(uri=f"file://{desk.home}/lake")


def eraser(desk: Any) -> TableEraser:
    return TableEraser(KEY, FOLDER, desk.ledger, lake_of(desk), desk.catalog, "code", print)


def erase(desk: Any) -> Cleared:
    return eraser(desk).clear(*HOW)


def back(desk: Any, to: str) -> None:
    rollback.apply(desk.catalog, desk.ledger, NAME, to, work="a test", log=print)


def on_disk(desk: Any) -> set[str]:
    """Texts in whatever Parquet file lies under curated, by a reader of this test's own."""
    files = (desk.home / "lake/curated").rglob("*.parquet")
    return {text for file in files for text in pq.read_table(file)["text"].to_pylist()}


@pytest.fixture
def states(known_desk: Desk) -> dict[int, str]:
    """Three states of a table, each with a tag; the subject came with the second one.

    Returns:
        Their snapshots by the day of the delivery that made them.
    """
    states = {}
    for day, texts in ((1, ("a", "z")), (2, ("b", KEY)), (3, ("c",))):
        known_desk.deliver(day, *texts)
        known_desk.publish()
        tag_tables(known_desk.catalog, known_desk.ledger, f"release-{day}", print)
        states[day] = str(newest_snapshot(known_desk.catalog, NAME)["snapshot-id"])
    return states


def test_every_state_with_the_subject_goes_with_its_tags_and_with_what_an_audit_refused(
    desk: Any, states: dict[int, str]
) -> None:
    def refuse(_branch: AuditBranch, _snapshot: int) -> None:
        raise AuditFailed("it", found="wrong", expected="right", next_move="none")

    desk.deliver(4, "d")
    with pytest.raises(AuditFailed):
        desk.publish(audit=refuse)
    [branch] = waiting(desk.catalog, NAME)

    cleared = erase(desk)

    assert cleared.names == (branch, "release-2", "release-3")
    assert set(map(str, cleared.snapshots)) >= {states[2], states[3]}
    table = desk.catalog.table(NAME)
    assert set(table.refs()) == {"main", "release-1"}
    assert on_disk(desk) == {"a", "b", "c", "z"}
    for gone in ("release-2", "release-3", states[2], states[3]):
        with pytest.raises(TableMissing, match=f"no state {gone}"):
            back(desk, gone)
    with pytest.raises(TableMissing, match="no tag release-2"):
        snapshot_as_of(table, "release-2")


def test_what_a_rollback_undoes_is_taken_in_again_without_the_subject(
    desk: Any, states: dict[int, str]
) -> None:
    erase(desk)
    desk.deliver(2, "b", unit="without the subject")

    back(desk, "release-1")
    assert desk.notes() == ["a", "z"]
    desk.publish()

    assert desk.notes() == ["a", "b", "c", "z"]
    assert on_disk(desk) == {"a", "b", "c", "z"}


def test_if_tagged_states_stayed_a_rollback_would_bring_the_subject_back(
    desk: Any, states: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TableEraser, "_expire", lambda *_: ())
    erase(desk)
    assert KEY not in desk.notes()

    back(desk, "release-2")

    assert KEY in desk.notes()


def test_forgetting_is_no_new_content_and_upkeep_finds_nothing_of_the_subject(
    desk: Any, states: dict[int, str]
) -> None:
    assert eraser(desk).leave(*HOW).rows == 1
    content = newest_snapshot(desk.catalog, NAME)["snapshot-id"]
    assert content not in states.values()
    assert int(content) in erase(desk).snapshots
    assert newest_snapshot(desk.catalog, NAME)["snapshot-id"] == content
    current = desk.catalog.table(NAME).current_snapshot()
    assert current.summary["operation"].value == "replace"

    limits = MaintenanceResource(kept_snapshots=1)
    later = datetime.now(UTC) + timedelta(days=30)
    keeper = Keeper(desk.ledger, desk.catalog, lake_of(desk), limits, print, later)
    kept = {step.action: step.files for step in keeper.apply([NAME], work="a test")}

    assert kept.keys() <= {"snapshots", "orphans"}
    assert desk.notes() == ["a", "b", "c", "z"]
    assert on_disk(desk) == {"a", "b", "c", "z"}
    assert erase(desk) == Cleared(0, names=("release-2", "release-3"))


def test_what_ended_before_a_death_is_told_after_it(
    desk: Any, states: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(expiry, "expire", die)
        with pytest.raises(KeyboardInterrupt):
            erase(desk)
    assert set(desk.catalog.table(NAME).refs()) == {"main", "release-1"}
    assert KEY in on_disk(desk)

    assert erase(desk).names == ("release-2", "release-3")
    assert on_disk(desk) == {"a", "b", "c", "z"}
