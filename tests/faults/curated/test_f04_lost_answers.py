"""F4: a commit or a publication lands and its answer is lost: it is there once, and known of."""

from __future__ import annotations

from typing import Any

import pytest

from product360_assets.curated.publish import Publisher
from resources import audit_branches
from resources.local.bridge import CatalogBridge
from resources.local.bridge_errors import CommitFault

NOTES = "curated.note"


def lose_the_answer(patched: pytest.MonkeyPatch, *, and_die: bool = False) -> None:
    """The next publication is made, and whoever made it does not hear of it."""
    swap = audit_branches._swap

    def swapped(*arguments: Any) -> Exception:
        assert swap(*arguments) is None
        patched.setattr(audit_branches, "_swap", swap)
        if and_die:
            raise KeyboardInterrupt
        return ConnectionResetError("the answer was lost")

    patched.setattr(audit_branches, "_swap", swapped)


@pytest.mark.parametrize("status", [500, None])
def test_f04_a_commit_whose_answer_is_lost_is_published_once(desk: Any, status: int | None) -> None:
    desk.deliver(1, "a")
    desk.bridge.faults.append(CommitFault("after", status))
    assert desk.publish().outcome == "published"
    assert desk.publish().outcome == "unchanged"
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


def test_f04_a_publication_whose_answer_is_lost_is_recognised_at_once(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = desk.deliver(1, "a")
    lose_the_answer(monkeypatch)
    assert desk.publish().outcome == "published"
    assert desk.states()[batch].details["state"] == "committed"
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


def test_f04_a_publication_that_nobody_heard_of_is_found_by_the_next(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.deliver(1, "a")
    lose_the_answer(monkeypatch, and_die=True)
    with pytest.raises(KeyboardInterrupt):
        desk.publish()
    assert desk.publish().outcome == "recovered"
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


def test_f04_without_asking_the_table_it_is_taken_in_twice(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Publisher, "_recover", lambda *_: [])
    monkeypatch.setattr(CatalogBridge, "_refuse_again", lambda *_: None)
    desk.deliver(1, "a")
    lose_the_answer(monkeypatch, and_die=True)
    with pytest.raises(KeyboardInterrupt):
        desk.publish()
    desk.publish()
    assert desk.notes() == ["a", "a"]
