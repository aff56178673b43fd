"""After upkeep nothing is new: what was published stays published, and is known to be."""

from __future__ import annotations

import pytest
from desk import NOTES, Desk, desk
from kept_desk import keep, known_desk

from product360_assets.governance import rollback
from product360_assets.governance.upkeep import ACTIONS
from resources.audit_branches import LAST_PUBLISHED, published_and_expired

__all__ = ["desk", "known_desk"]
NAME = NOTES.identifier
COMMITS = 21
NUMBERS = sorted(str(day) for day in range(1, COMMITS + 1))


@pytest.fixture
def published(known_desk: Desk) -> Desk:
    """A table of so many small commits that every kind of upkeep has something to do."""
    for day in range(1, COMMITS + 1):
        known_desk.deliver(day, str(day))
        known_desk.publish()
    return known_desk


def last_published(desk: Desk) -> str:
    return desk.catalog.table(NAME).properties[LAST_PUBLISHED]


def kept_whole(desk: Desk) -> None:
    """Every kind of upkeep, each of which does something."""
    steps = [step for action in ("manifests", *ACTIONS) for step in keep(desk, action)]
    assert {step.outcome for step in steps} == {"done"}
    assert {step.action for step in steps} == set(ACTIONS)


def test_what_was_published_last_is_said_through_all_upkeep(published: Desk) -> None:
    said = last_published(published)
    kept_whole(published)
    assert last_published(published) == said
    commit, _, snapshot = said.partition(" ")
    kept = {each.snapshot_id for each in published.catalog.table(NAME).metadata.snapshots}
    assert int(snapshot) not in kept
    assert published_and_expired(published.catalog, NAME, commit) == int(snapshot)


def open_again(desk: Desk) -> None:
    """As after a publisher that died behind its last commit."""
    [last] = [each for each in desk.states().values() if each.batch_id.startswith("2017-01-21")]
    desk.ledger.record_zone(rollback._opened(last), replacing=last)


def test_a_publisher_that_died_behind_its_commit_finds_it_after_upkeep(published: Desk) -> None:
    kept_whole(published)
    open_again(published)
    assert published.publish().outcome == "recovered"
    assert published.notes() == NUMBERS


def test_without_what_upkeep_carries_on_its_batch_would_be_taken_in_twice(
    published: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.replacing.OURS", "of nobody")
    monkeypatch.setattr("product360_assets.curated.publish.published_and_expired", lambda *_: None)
    kept_whole(published)
    open_again(published)
    assert published.publish().outcome == "published"
    assert published.notes() == sorted([*NUMBERS, "21"])


def test_nothing_is_pending_and_nothing_is_written(published: Desk) -> None:
    kept_whole(published)
    before = published.catalog.table(NAME).metadata
    assert published.publish().outcome == "unchanged"
    assert published.catalog.table(NAME).metadata == before
    assert len(published.runner.requests) == COMMITS
    published.deliver(22, "22")
    assert published.publish().rows == 1
    assert published.notes() == sorted([*NUMBERS, "22"])
