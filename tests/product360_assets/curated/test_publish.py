"""Clean batches enter a published table effectively once, whichever way commits fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from product360_assets.curated import gate
from product360_assets.curated.pending import Input
from product360_assets.curated.publish import Published
from resources import audit_branches
from resources.catalog import LocalCatalogResource
from resources.errors import JobFailed, LedgerConflict, LockLost, TableMissing
from resources.jobs import JobReport, JobRequest
from resources.ledger import Ledger, ZoneState
from resources.local.bridge import CatalogBridge
from resources.local.bridge_errors import CommitFault
from resources.owners import this_process

NOTES = "curated.note"


def test_every_pending_batch_is_taken_in_by_one_commit(desk: Any) -> None:
    first, second = desk.deliver(1, "a", "b"), desk.deliver(2, "c")
    published = desk.publish()
    assert (published.outcome, published.rows) == ("published", 3)
    assert sorted(published.batch_ids) == sorted([first, second])
    assert desk.notes() == ["a", "b", "c"]
    assert desk.snapshots() == 1


def test_a_commit_says_which_batches_it_holds_and_who_made_it(desk: Any) -> None:
    batch = desk.deliver(1, "a")
    desk.publish()
    (summary,) = desk.catalog.snapshot_summaries(NOTES)
    assert summary["product360.batch-ids"] == batch
    assert summary["product360.code-version"] == "code-1"
    assert summary["product360.run-id"] == "run-1"
    assert summary["product360.contract-versions"] == "desk 3"
    assert len(summary["product360.commit-id"]) == 16


def test_a_long_list_of_batches_is_told_by_its_hash(desk: Any) -> None:
    from product360_assets.curated.commits import batch_list

    ids = [f"2017-01-01-{number:012x}" for number in range(200)]
    assert batch_list(ids) == batch_list(reversed(ids))
    assert batch_list(ids).startswith("200 batches, hash ")
    assert batch_list(ids) != batch_list(ids[1:])


def test_nothing_new_means_no_job_and_no_snapshot(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.publish()
    requests = len(desk.runner.requests)
    assert desk.publish().outcome == "unchanged"
    assert (desk.snapshots(), len(desk.runner.requests)) == (1, requests)


def test_only_new_batches_are_taken_in(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.publish()
    second = desk.deliver(2, "b")
    assert desk.publish().batch_ids == (second,)
    assert (desk.notes(), desk.snapshots()) == (["a", "b"], 2)


def test_a_job_reads_new_batches_and_the_whole_of_what_it_looks_things_up_in(desk: Any) -> None:
    note, shelf = Input("desk", "note"), Input("desk", "shelf", whole=True)
    publication = replace(desk.publication, inputs=(note, shelf))

    def read(step: int) -> dict[str, list[str]]:
        desk.publish(publication)
        inputs = desk.runner.requests[step].spec["inputs"]
        return {
            name: [batch["batch_id"] for batch in each["batches"]] for name, each in inputs.items()
        }

    first, shelved = desk.deliver(1, "a"), desk.deliver(1, "s", table="shelf")
    assert read(0) == {"desk.note": [first], "desk.shelf": [shelved]}
    second = desk.deliver(2, "b")
    assert read(1) == {"desk.note": [second], "desk.shelf": [shelved]}
    # A shelf that comes later may change what any note says.
    late = desk.deliver(3, "t", table="shelf")
    assert read(2) == {"desk.note": [first, second], "desk.shelf": [shelved, late]}


def test_what_is_only_looked_up_is_read_whole_and_asks_for_nothing_else(desk: Any) -> None:
    note, shelf = Input("desk", "note"), Input("desk", "shelf", looked_up=True)
    publication = replace(desk.publication, inputs=(note, shelf))

    def read(step: int) -> dict[str, dict[str, bool]]:
        desk.publish(publication)
        inputs = desk.runner.requests[step].spec["inputs"]
        return {
            name: {batch["batch_id"]: batch["is_new"] for batch in each["batches"]}
            for name, each in inputs.items()
        }

    first, shelved = desk.deliver(1, "a"), desk.deliver(1, "s", table="shelf")
    assert read(0) == {"desk.note": {first: True}, "desk.shelf": {shelved: True}}
    late = desk.deliver(3, "t", table="shelf")
    assert read(1) == {"desk.note": {}, "desk.shelf": {shelved: False, late: True}}


def test_a_job_that_reads_too_little_of_the_past_is_given_tombstones(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.publish(replace(desk.publication, with_tombstones=True))
    told = desk.runner.requests[0].spec["tombstones"]
    assert told == f"lake.{NOTES}_tombstone"
    columns = desk.catalog.table(f"{NOTES}_tombstone").schema().column_names
    assert columns == [*desk.publication.table.key, "_batch_id", "_change_order"]


def test_a_day_that_comes_in_parts_is_read_as_one_where_it_is_one_statement(desk: Any) -> None:
    publication = replace(desk.publication, inputs=(Input("desk", "note", whole_days=True),))

    def read(step: int) -> set[str]:
        desk.publish(publication)
        batches = desk.runner.requests[step].spec["inputs"]["desk.note"]["batches"]
        return {batch["batch_id"] for batch in batches}

    first, other = desk.deliver(1, "a"), desk.deliver(2, "b")
    assert read(0) == {first, other}
    second = desk.deliver(1, "c", part="-2")
    assert read(1) == {first, second}


def test_the_ledger_knows_the_snapshot_of_every_batch(desk: Any) -> None:
    batch = desk.deliver(1, "a", "b")
    desk.publish()
    state = desk.states()[batch]
    (summary,) = desk.catalog.snapshot_summaries(NOTES)
    assert state.snapshot_id == int(summary["snapshot-id"])
    assert (state.rows_in, state.rows_out, state.location) == (2, 2, NOTES)
    assert state.details["state"] == "committed"
    assert (state.config_version, state.details["contract.version"]) == ("config-1", "3")


def test_a_batch_without_rows_is_done_without_a_snapshot(desk: Any) -> None:
    desk.deliver(1)
    assert desk.publish().outcome == "published"
    assert desk.publish().outcome == "unchanged"
    assert desk.snapshots() == 0


def test_clean_data_that_was_made_again_is_taken_in_again(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.publish()
    desk.catalog.table(NOTES).delete("id = 100")
    # The same batch from newer code: another unit.
    batch = desk.deliver(1, "A", unit="unit-2")
    assert desk.publish().batch_ids == (batch,)
    assert desk.notes() == ["A"]


@pytest.mark.parametrize("status", [400, 500, None])
def test_a_commit_that_fails_before_the_swap_leaves_the_batches_pending(
    desk: Any, status: int | None
) -> None:
    batch = desk.deliver(1, "a")
    desk.bridge.faults.extend([CommitFault("before", status)] * 30)
    with pytest.raises(JobFailed):
        desk.publish()
    assert (desk.notes(), desk.snapshots()) == ([], 0)
    assert desk.states()[batch].details["state"] == "open"
    desk.bridge.faults.clear()
    assert desk.publish().outcome == "published"
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


@pytest.mark.parametrize("status", [500, None])
def test_a_commit_whose_answer_is_lost_is_recognised_at_once(desk: Any, status: int | None) -> None:
    batch = desk.deliver(1, "a")
    desk.bridge.faults.append(CommitFault("after", status))
    published = desk.publish()
    assert published.outcome == "published"
    assert published.report is None
    assert "after its commit had landed" in " ".join(desk.said)
    assert desk.states()[batch].snapshot_id is not None
    assert desk.publish().outcome == "unchanged"
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


class Blindness:
    """A catalog that cannot be asked any more from some moment on."""

    def __init__(self, desk: Any, patched: pytest.MonkeyPatch) -> None:
        self.has_come: Callable[[], bool] = lambda: False
        table = type(desk.catalog).table

        def asked(catalog: LocalCatalogResource, identifier: str) -> Any:
            if self.has_come():
                raise TableMissing("the catalog", found="nothing", expected="it", next_move="wait")
            return table(catalog, identifier)

        patched.setattr(type(desk.catalog), "table", asked)


def test_a_commit_that_nobody_can_tell_of_is_not_published(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.deliver(1, "a")
    desk.bridge.faults.append(CommitFault("after", 500))
    with monkeypatch.context() as patched:
        Blindness(desk, patched).has_come = lambda: not desk.bridge.faults
        with pytest.raises(JobFailed, match="could not be asked"):
            desk.publish()
    assert desk.notes() == []
    assert desk.publish().outcome == "published"
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


def test_a_swap_that_nobody_can_tell_of_is_told_apart_later(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.deliver(1, "a")
    with monkeypatch.context() as patched:
        blindness, swap = Blindness(desk, patched), audit_branches._swap

        def swapped(*arguments: Any) -> Exception:
            swap(*arguments)
            blindness.has_come = lambda: True
            return ConnectionResetError("the answer was lost")

        patched.setattr(audit_branches, "_swap", swapped)
        with pytest.raises(TableMissing):
            desk.publish()
    recovered = desk.publish()
    assert (recovered.outcome, recovered.rows) == ("recovered", 1)
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


def test_a_batch_that_arrives_after_an_unrecorded_commit_goes_in_alone(desk: Any) -> None:
    desk.deliver(1, "a")
    _kill_while_publishing(desk)
    second = desk.deliver(2, "b")
    assert desk.publish().batch_ids == (second,)
    assert (desk.notes(), desk.snapshots()) == (["a", "b"], 2)


def test_killed_between_commit_and_ledger_nothing_is_committed_twice(desk: Any) -> None:
    batch = desk.deliver(1, "a", "b")
    _kill_while_publishing(desk)
    assert desk.states()[batch].details["state"] == "open"
    assert desk.notes() == ["a", "b"]
    assert desk.publish().outcome == "recovered"
    assert desk.states()[batch].details["state"] == "committed"
    assert desk.publish().outcome == "unchanged"
    assert (desk.notes(), desk.snapshots()) == (["a", "b"], 1)


def test_a_second_publisher_of_the_same_batch_is_told(desk: Any) -> None:
    batch = desk.deliver(1, "a")
    desk.publish()
    done = desk.states()[batch]
    desk.deliver(1, "A", unit="unit-2")

    class Overtaken(_Watched):
        """Another publisher opens the batch between our look and our own opening."""

        def before(self, state: ZoneState) -> None:
            other = replace(state, details={**state.details, "run": "run-2"})
            desk.ledger.record_zone(other, replacing=done)

    with pytest.raises(LedgerConflict):
        desk.publish(ledger=Overtaken(desk.ledger))
    assert desk.snapshots() == 1


def test_a_job_that_committed_nothing_is_not_believed(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.runner.stamp_with(_Unstamped())
    with pytest.raises(JobFailed, match="without its commit"):
        desk.publish()


class _Watched:
    """The real ledger, with a step in front of every record."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def before(self, state: ZoneState) -> None:
        """Happens before `state` is recorded."""

    def record_zone(self, state: ZoneState, *, replacing: ZoneState | None) -> None:
        self.before(state)
        self._ledger.record_zone(state, replacing=replacing)


class _Unstamped:
    """A bridge that forgets the commit's properties."""

    def stamp(self, _: Any, *, once: str | None = None, branch: Any = None) -> Any:
        from contextlib import nullcontext

        return nullcontext()


def _kill_while_publishing(desk: Any) -> None:
    """Publish in a child process that is killed after the commit, before the ledger hears of it."""

    class Killing(_Watched):
        def before(self, state: ZoneState) -> None:
            if state.details["state"] == "committed":
                os.kill(os.getpid(), signal.SIGKILL)

    assert desk.publish_elsewhere(seen_as=Killing) == -signal.SIGKILL


class Sleeping:
    """A runner whose first job begins only after somebody else has done the work."""

    def __init__(self, runner: Any, meanwhile: Callable[[], object]) -> None:
        self._runner = runner
        self._meanwhile = [meanwhile]

    def code_version(self) -> str:
        return str(self._runner.code_version())

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        while self._meanwhile:
            self._meanwhile.pop()()
        report: JobReport = self._runner.run(request, log=log)
        return report


def overtaken(desk: Any, seen_as: Callable[[Ledger], Any] = lambda ledger: ledger) -> Published:
    """Publish in a process that sleeps through its lease while another takes over."""
    lost = desk.ledger.take_lock(NOTES, this_process("sleeper"), over=None)

    def meanwhile() -> None:
        taken = desk.ledger.take_lock(NOTES, this_process("next"), over=lost)
        assert desk.publish(ledger=desk.ledger.under(taken)).outcome == "published"

    published: Published = desk.publish(
        ledger=seen_as(desk.ledger.under(lost)), runner=Sleeping(desk.runner, meanwhile)
    )
    return published


def without_the_base(patched: pytest.MonkeyPatch, desk: Any) -> None:
    """A branch starts from whatever stands in the table by now."""

    class Following(audit_branches.AuditBranch):
        def __getattribute__(self, name: str) -> Any:
            if name == "base":
                snapshot = desk.catalog.table(self.table).current_snapshot()
                return snapshot and snapshot.snapshot_id
            return super().__getattribute__(name)

    patched.setattr(gate, "begin", lambda _, table, commit: Following(table, commit, None))


def test_f25_a_publisher_that_slept_while_another_took_over_commits_nothing(desk: Any) -> None:
    batch = desk.deliver(1, "a", "b")
    assert overtaken(desk).outcome == "unchanged"
    assert "somebody else has committed" in " ".join(desk.said)
    assert (desk.notes(), desk.snapshots()) == (["a", "b"], 1)
    assert desk.states()[batch].details["state"] == "committed"
    assert desk.publish().outcome == "unchanged"


def test_f25_whatever_it_wakes_up_to_the_lost_lock_keeps_it_from_publishing(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_base(monkeypatch, desk)
    monkeypatch.setattr(CatalogBridge, "_refuse_again", lambda *_: None)
    desk.deliver(1, "a", "b")
    with pytest.raises(LockLost):
        overtaken(desk)
    assert desk.notes() == ["a", "b"]


class _Unasked(_Watched):
    """The ledger of a publisher that does not ask it once more before it publishes."""

    def record_zone(self, state: ZoneState, *, replacing: ZoneState | None) -> None:
        if state != replacing:
            super().record_zone(state, replacing=replacing)


def test_f25_without_base_refusal_and_a_last_look_at_the_lock_it_commits_twice(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_base(monkeypatch, desk)
    monkeypatch.setattr(CatalogBridge, "_refuse_again", lambda *_: None)
    desk.deliver(1, "a", "b")
    with pytest.raises(LockLost):
        overtaken(desk, _Unasked)
    assert desk.notes() == ["a", "a", "b", "b"]
