"""A table goes back to what it was, and what that undoes is taken in again, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from desk import NOTES, Desk, desk
from kept_desk import A_MONTH, keep, known_desk
from typer.testing import CliRunner

from product360_assets.cli.commands import app
from product360_assets.curated.commits import COMMIT_ID
from product360_assets.governance import rollback
from product360_assets.governance.rollback import Rollback
from product360_assets.governance.tagging import tag_tables
from product360_assets.governance.upkeep import Step
from resources.audit_branches import AuditBranch, unpublished_snapshot
from resources.catalog import LocalCatalogResource
from resources.errors import AuditFailed, TableMissing, TableMoved
from resources.local.ledger import SqliteLedgerResource
from resources.rolling_back import earlier_state, roll_back

__all__ = ["desk", "known_desk"]
NAME = NOTES.identifier


@pytest.fixture(autouse=True)
def _known(known_desk: Desk) -> None:
    """The desk is a source of this installation."""


def back(desk: Any, to: str) -> Rollback:
    return rollback.apply(desk.catalog, desk.ledger, NAME, to, work="a test", log=print)


def current(desk: Any) -> str:
    return str(desk.catalog.table(NAME).current_snapshot().snapshot_id)


def test_batches_that_came_later_are_pending_and_taken_in_again_once(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.publish()
    good = current(desk)
    later = [desk.deliver(2, "b"), desk.deliver(3, "c", "d")]
    desk.publish()
    undone = back(desk, good)
    assert (undone.rows_now, undone.rows_then) == (4, 1)
    assert sorted(each.batch_id for each in undone.undone) == sorted(later)
    assert desk.notes() == ["a"]
    published = desk.publish()
    assert (published.outcome, sorted(published.batch_ids)) == ("published", sorted(later))
    assert desk.notes() == ["a", "b", "c", "d"]
    assert desk.publish().outcome == "unchanged"


def test_what_is_taken_in_again_is_what_clean_holds_by_then(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.publish()
    good = current(desk)
    desk.deliver(2, "wrong")
    desk.publish()
    back(desk, good)
    desk.deliver(2, "right", unit="unit-2")
    desk.publish()
    assert desk.notes() == ["a", "right"]


def test_a_plan_changes_nothing(desk: Any) -> None:
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    first = desk.catalog.snapshot_summaries(NAME)[-1]["snapshot-id"]
    before = desk.catalog.table(NAME).metadata, desk.states()
    assert len(rollback.plan(desk.catalog, desk.ledger, NAME, first).undone) == 1
    assert (desk.catalog.table(NAME).metadata, desk.states()) == before


def test_f03_a_rollback_that_is_killed_between_ledger_and_table_loses_nothing(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    first = desk.catalog.snapshot_summaries(NAME)[-1]["snapshot-id"]
    child = os.fork()
    if child == 0:
        try:
            die: Callable[..., None] = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
            monkeypatch.setattr(rollback, "roll_back", die)
            catalog = LocalCatalogResource(home=str(desk.home))
            ledger = SqliteLedgerResource(path=str(desk.home / "ledger.db")).open()
            rollback.apply(catalog, ledger, NAME, first, work="killed", log=print)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert sorted(each.details["state"] for each in desk.states().values()) == ["committed", "open"]
    assert desk.publish().outcome == "recovered"
    assert desk.notes() == ["1", "2"]
    assert back(desk, first).rows_then == 1


def test_without_a_word_to_the_ledger_a_rollback_would_lose_rows(desk: Any) -> None:
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    table = desk.catalog.table(NAME)
    first = earlier_state(table, str(table.metadata.snapshots[0].snapshot_id))
    roll_back(table, first, commit_property=COMMIT_ID)
    assert desk.publish().outcome == "unchanged"
    assert desk.notes() == ["1"]


def test_a_tag_is_gone_back_to_when_all_around_it_has_expired(desk: Any) -> None:
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    tag_tables(desk.catalog, desk.ledger, "v1", print)
    later = []
    for day in (3, 4, 5):
        later.append(desk.deliver(day, str(day)))
        desk.publish()
    keep(desk, "snapshots")
    assert len(desk.catalog.table(NAME).metadata.snapshots) == 2
    undone = back(desk, "v1").undone
    assert sorted(each.batch_id for each in undone) == sorted(later)
    assert desk.publish().rows == 3
    assert desk.notes() == ["1", "2", "3", "4", "5"]


@contextmanager
def left_state_expired(desk: Any) -> Iterator[None]:
    """Two publications, a rollback of the second, and its snapshot gone for good."""
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    first = desk.catalog.snapshot_summaries(NAME)[-1]["snapshot-id"]
    left = int(current(desk))
    yield back(desk, first)
    desk.catalog.table(NAME).maintenance.expire_snapshots().by_ids([left]).commit()
    desk.publish()


def test_a_state_that_was_left_is_not_taken_for_a_publication_once_it_has_expired(
    desk: Any,
) -> None:
    with left_state_expired(desk):
        pass
    assert desk.notes() == ["1", "2"]


def test_a_table_that_did_not_say_what_it_goes_back_to_would_lose_the_batch(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.rolling_back._said", lambda *_: ())
    with left_state_expired(desk):
        pass
    assert desk.notes() == ["1"]


def test_what_an_audit_refused_and_what_never_was_are_no_states_to_go_back_to(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.publish()
    desk.deliver(2, "bad")

    def refuse(_branch: AuditBranch, _snapshot: int) -> None:
        raise AuditFailed("it", found="wrong", expected="right", next_move="none")

    with pytest.raises(AuditFailed):
        desk.publish(audit=refuse)
    refused = str(unpublished_snapshot(desk.catalog, NAME))
    for nowhere in (refused, "1", "v9", f"audit-{refused}", current(desk)):
        with pytest.raises(TableMissing, match=r"no state|already"):
            back(desk, nowhere)


def test_a_commit_that_comes_meanwhile_is_not_undone(desk: Any) -> None:
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    table = desk.catalog.table(NAME)
    first = earlier_state(table, str(table.metadata.snapshots[0].snapshot_id))
    desk.deliver(3, "3")
    desk.publish()
    with pytest.raises(TableMoved):
        roll_back(table, first, commit_property=COMMIT_ID)
    assert desk.notes() == ["1", "2", "3"]


def test_a_commit_that_was_never_recorded_keeps_its_snapshot(desk: Any) -> None:
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    # As after a publisher that died behind its commit: open, and the next batch is in already.
    [opened] = [each for each in desk.states().values() if each.batch_id.startswith("2017-01-01")]
    desk.ledger.record_zone(rollback._opened(opened), replacing=opened)
    for after in (A_MONTH, timedelta(days=300)):
        assert keep(desk, "snapshots", after=after) == []
    assert desk.publish().outcome == "recovered"
    assert [step.outcome for step in keep(desk, "snapshots")] == ["done"]
    assert desk.notes() == ["1", "2"]


def test_a_publication_beside_a_compaction_is_made_again(desk: Any) -> None:
    for day in range(1, 10):
        desk.deliver(day, str(day))
        desk.publish()
    desk.deliver(10, "10")
    kept: list[Step] = []

    def meanwhile(_branch: AuditBranch, _snapshot: int) -> None:
        if not kept:
            kept.extend(keep(desk, "compaction", after=timedelta()))

    assert desk.publish(audit=meanwhile).outcome == "published"
    assert [step.outcome for step in kept] == ["done"]
    assert any("made again" in said for said in desk.said)
    assert desk.notes() == sorted(str(day) for day in range(1, 11))


def test_the_command_only_looks_unless_it_is_told_to_go_back(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2):
        desk.deliver(day, str(day))
        desk.publish()
    first = desk.catalog.snapshot_summaries(NAME)[-1]["snapshot-id"]
    parts = {"catalog": desk.catalog, "ledger": SimpleNamespace(open=lambda: desk.ledger)}
    monkeypatch.setattr("resources.environments.platform_resources", lambda: parts)
    command = ["rollback", "note", "--to", first]
    looked = CliRunner().invoke(app, command)
    assert looked.exit_code == 0
    assert "Nothing was done" in looked.stderr
    assert desk.notes() == ["1", "2"]
    done = CliRunner().invoke(app, [*command, "--apply"])
    assert done.exit_code == 0
    assert desk.notes() == ["1"]
    assert "with 2 rows" in done.stderr
