"""F27: readers at 20 Hz while commits are refused, corrected, killed and lost: each reading is a
state that some publication left, and none goes back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from witnesses import History, State, Witnesses

from resources import audit_branches
from resources.audit_branches import AuditBranch
from resources.errors import AuditFailed
from resources.local import bridge

SQL = "SELECT id, text FROM curated.note ORDER BY ALL"


def no_curses(desk: Any) -> Callable[[AuditBranch, int], None]:
    """An audit that takes its time, so that there is something to be seen meanwhile."""

    def audit(at: AuditBranch, snapshot: int) -> None:
        time.sleep(0.2)
        rows = desk.catalog.table(at.table).scan(snapshot_id=snapshot).to_arrow()
        if "damn" in rows["text"].to_pylist():
            raise AuditFailed(at.name, found="a curse", expected="none", next_move="say darn")

    return audit


def die(*_: object) -> None:
    """An audit that ends its process."""
    os.kill(os.getpid(), signal.SIGKILL)


def troubles(desk: Any, watched: Witnesses) -> list[str]:
    """A table's life with every trouble that a commit can have; what readers saw amiss."""
    states: list[State] = [()]
    acknowledged = {}

    def publish(*texts: str) -> None:
        desk.publish(audit=no_curses(desk))
        states.append(tuple(sorted((*states[-1], *((len(states) * 100, text) for text in texts)))))
        acknowledged[len(states) - 1] = time.monotonic()
        time.sleep(0.2)

    with watched:
        time.sleep(0.2)
        desk.deliver(1, "a")
        publish("a")
        desk.deliver(2, "damn")
        with pytest.raises(AuditFailed):
            desk.publish(audit=no_curses(desk))
        time.sleep(0.2)
        desk.deliver(2, "b", unit="unit-2")
        publish("b")
        desk.deliver(3, "c")
        assert desk.publish_elsewhere(audit=die) == -signal.SIGKILL
        time.sleep(0.2)
        publish("c")
    return History(states, acknowledged).violations(watched.readings)


@pytest.fixture
def watched(desk: Any) -> Witnesses:
    desk.catalog.ensure_table(desk.publication.table)
    return Witnesses(desk.home, SQL)


def test_f27_no_reader_sees_what_was_not_published(desk: Any, watched: Witnesses) -> None:
    assert troubles(desk, watched) == []
    assert len(watched.readings) > 20


def test_f27_without_the_branch_readers_see_what_the_audit_would_refuse(
    desk: Any, watched: Witnesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "redirected", lambda _, commit: commit)
    refused = ((100, "a"), (200, "damn"))
    desk.deliver(1, "a")
    with watched:
        desk.publish(audit=no_curses(desk))
        desk.deliver(2, "damn")
        desk.publish(audit=no_curses(desk))
        time.sleep(0.2)
    history = History([(), ((100, "a"),)])
    assert any(str(refused) in each for each in history.violations(watched.readings))
    assert audit_branches.waiting(desk.catalog, "curated.note") == {}
