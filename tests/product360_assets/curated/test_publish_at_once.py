"""A stream's commits go straight into the table, beside a batch's that wait on a branch for their
audit: whichever of the two is faster, nothing is lost, taken in twice or forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from product360_assets.curated import publish
from product360_assets.curated.publish import Publisher
from resources import audit_branches
from resources.audit_branches import LAST_PUBLISHED, waiting
from resources.errors import AuditFailed, JobFailed, LedgerConflict
from resources.local.bridge_errors import CommitFault

NOTES = "curated.note"


def stream(desk: Any, **replaced: Any) -> Any:
    """What the stream's publisher does: the same publication, published as it lands."""
    return desk.publish(replace(desk.publication, at_once=True), **replaced)


def refuse(*_: object) -> None:
    raise AuditFailed("rows", found="wrong ones", expected="right ones", next_move="look")


def last_published(desk: Any) -> str:
    return str(desk.catalog.table(NOTES).properties[LAST_PUBLISHED])


def test_a_streams_commit_is_read_at_once_and_asks_no_audit(desk: Any) -> None:
    batch = desk.deliver(1, "a")
    assert stream(desk, audit=refuse).outcome == "published"
    assert desk.runner.requests[0].branch is None
    assert (desk.notes(), dict(waiting(desk.catalog, NOTES))) == (["a"], {})
    state = desk.states()[batch]
    (summary,) = desk.catalog.snapshot_summaries(NOTES)
    assert (state.details["state"], str(state.snapshot_id)) == ("committed", summary["snapshot-id"])
    assert last_published(desk) == f"{summary['product360.commit-id']} {state.snapshot_id}"


def test_the_batch_finds_what_the_stream_took_in_and_the_other_way_round(desk: Any) -> None:
    desk.deliver(1, "a")
    stream(desk)
    assert desk.publish().outcome == "unchanged"
    second = desk.deliver(2, "b")
    assert desk.publish().batch_ids == (second,)
    assert stream(desk).outcome == "unchanged"
    third = desk.deliver(3, "c")
    assert stream(desk).batch_ids == (third,)
    assert (desk.notes(), desk.snapshots()) == (["a", "b", "c"], 3)


def streaming_meanwhile(desk: Any, *more: str) -> Any:
    """Publish a batch, while a stream takes it and `more` in between its commit and its swap."""
    desk.deliver(1, "a")
    streamed = []

    def audit(*_: object) -> None:
        if not streamed:
            for day, text in enumerate(more, start=2):
                desk.deliver(day, text)
            streamed.append(stream(desk))

    return desk.publish(audit=audit)


@pytest.mark.parametrize("more", [[], ["b"]], ids=["the same commit", "a larger one"])
def test_f22_a_batch_that_a_stream_overtakes_is_made_again_from_what_stands_there(
    desk: Any, more: list[str]
) -> None:
    assert streaming_meanwhile(desk, *more).outcome == "unchanged"
    assert "made again" in " ".join(desk.said)
    assert (desk.notes(), desk.snapshots()) == (["a", *more], 1)
    assert {state.details["state"] for state in desk.states().values()} == {"committed"}
    assert stream(desk).outcome == "unchanged"


def test_f22_without_a_look_at_main_the_batch_puts_its_former_state_on_top_of_the_streams(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Following(audit_branches.AuditBranch):
        def __getattribute__(self, name: str) -> Any:
            if name == "base":
                snapshot = desk.catalog.table(self.table).current_snapshot()
                return snapshot and snapshot.snapshot_id
            return super().__getattribute__(name)

    monkeypatch.setattr(
        "product360_assets.curated.gate.begin", lambda _, table, commit: Following(table, commit, 0)
    )
    record = desk.ledger.record_zone

    class Unasked:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk.ledger, name)

        def record_zone(self, state: Any, *, replacing: Any) -> None:
            if state != replacing:
                record(state, replacing=replacing)

    desk.deliver(1, "a")
    desk.deliver(2, "b")

    def audit(*_: object) -> None:
        desk.deliver(3, "c")
        stream(desk)

    with pytest.raises(LedgerConflict):
        desk.publish(audit=audit, ledger=Unasked())
    assert desk.notes() == ["a", "b"]


def test_a_refused_batch_goes_in_with_the_stream_and_its_branch_is_never_published(
    desk: Any,
) -> None:
    desk.deliver(1, "a")
    with pytest.raises(AuditFailed):
        desk.publish(audit=refuse)
    assert stream(desk).rows == 1
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)
    desk.deliver(2, "b")
    assert desk.publish().rows == 1
    assert dict(waiting(desk.catalog, NOTES)) == {}
    assert desk.notes() == ["a", "b"]


@pytest.mark.parametrize("status", [500, None])
def test_f04_a_streams_commit_whose_answer_is_lost_is_recognised(desk: Any, status: Any) -> None:
    desk.deliver(1, "a")
    desk.bridge.faults.append(CommitFault("after", status))
    published = stream(desk)
    assert (published.outcome, published.report) == ("published", None)
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


def test_a_streams_commit_that_failed_leaves_its_batches_pending(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.bridge.faults.append(CommitFault("before", 400))
    with pytest.raises(JobFailed):
        stream(desk)
    assert desk.publish().outcome == "published"
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)


def streamed_and_forgotten(desk: Any) -> None:
    """A stream that ends before the ledger hears of its commit, whose snapshot then expires."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    desk.deliver(1, "a")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Publisher, "_close", die)
        with pytest.raises(KeyboardInterrupt):
            stream(desk)
    table = desk.catalog.table(NOTES)
    table.overwrite(table.scan().to_arrow())
    table = desk.catalog.table(NOTES)
    expired = [each.snapshot_id for each in table.metadata.snapshots[:-1]]
    table.maintenance.expire_snapshots().by_ids(expired).commit()


def test_f07_a_streams_commit_that_nobody_recorded_is_known_although_its_snapshot_is_gone(
    desk: Any,
) -> None:
    streamed_and_forgotten(desk)
    assert desk.publish().outcome == "recovered"
    assert desk.notes() == ["a"]


def test_f07_without_what_the_table_says_of_it_a_streams_commit_is_taken_in_twice(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "published_and_expired", lambda *_: None)
    streamed_and_forgotten(desk)
    assert desk.publish().outcome == "published"
    assert desk.notes() == ["a", "a"]
