"""Pulls of a real service that misbehaves, as services do: nothing is lost and nothing half taken.

The service is the demo company's own HTTP server; its operator's switches make it fail.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from demo.saas_faults import Fault
from product360_assets.core.contract import SourceContract
from product360_assets.core.fetching import PullContract
from product360_assets.ingestion.arrivals import arrivals
from product360_assets.ingestion.services import ServiceIngestion
from resources.errors import Product360Error, SourceUnreachable
from resources.ledger import Delivery, Ledger
from resources.local.ledger import SqliteLedger
from resources.local.saas import LocalSaas
from resources.objects import LakeResource, ObjectStore
from resources.saas import PullRequest

NOON = dt.datetime(2017, 5, 1, 12, tzinfo=dt.UTC)
NEXT_NOON = NOON + dt.timedelta(days=1)
SMALL_PAGES = LocalSaas(page_size=2, records_per_file=2)
TICKETS = list(range(9))


Pull = Callable[..., int | None]


@pytest.fixture
def pull(desk: Any, ledger: Ledger, landing: ObjectStore) -> Pull:
    """Pull the tickets changed before a moment and return how many came."""

    def pull_until(
        until: dt.datetime = NOON,
        *,
        saas: LocalSaas = SMALL_PAGES,
        told: Ledger = ledger,
        contract: SourceContract = desk.contract,
        reload: bool = False,
    ) -> int | None:
        ingestion = ServiceIngestion(contract, told, landing, saas, log=lambda _message: None)
        table = contract.table("ticket")
        report = ingestion.pull(table, until=until, connection=desk.connection, reload=reload)
        return None if report is None else report.rows

    return pull_until


@pytest.fixture
def accepted(desk: Any, ledger: Ledger, landing: ObjectStore) -> Callable[[], list[int]]:
    """The tickets in everything that counts as delivered, in the order of delivery."""

    def ids() -> list[int]:
        found = arrivals(desk.contract, desk.table, ledger=ledger, landing=landing)
        return [
            json.loads(line)["ticket_id"]
            for arrival in found.by_day
            for landed in arrival.objects
            for line in landing.read(landed.key).splitlines()
        ]

    return ids


def last_delivery(ledger: Ledger) -> Delivery:
    return ledger.deliveries("desk", "ticket")[-1]


def request_of(delivery: Delivery) -> PullRequest:
    return PullRequest("desk", "ticket", "ticket", delivery.delivery_id, None, NOON)


def test_a_token_that_dies_in_the_middle_of_a_long_pull_is_renewed(
    desk: Any, pull: Pull, accepted: Callable[[], list[int]]
) -> None:
    desk.faults.plan(Fault(forgets_tokens=True), after=2)
    desk.faults.plan(Fault(forgets_tokens=True), after=5)

    assert pull() == 9
    assert accepted() == TICKETS


@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, "date"])
def test_a_limit_is_waited_for_as_long_as_the_service_says(
    desk: Any, pull: Pull, accepted: Callable[[], list[int]], headers: Any
) -> None:
    if headers == "date":
        stamps = (dt.datetime(2031, 1, 1, 0, 0, second, tzinfo=dt.UTC) for second in (7, 8))
        now, later = (f"{stamp:%a, %d %b %Y %H:%M:%S} GMT" for stamp in stamps)
        # Whatever the machine's clock says: the service counts by its own.
        headers = {"Date": now, "Retry-After": later}
    desk.faults.plan(Fault(status=429, headers=headers), after=1)
    began = time.monotonic()

    assert pull() == 9
    assert accepted() == TICKETS
    assert 1.0 <= time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    "fault", [Fault(status=500), Fault(status=503), Fault(cut_after=0), Fault(cut_after=40)]
)
def test_failures_and_dropped_connections_lose_and_double_nothing(
    desk: Any, pull: Pull, ledger: Ledger, accepted: Callable[[], list[int]], fault: Fault
) -> None:
    desk.faults.plan(fault, after=1)
    desk.faults.plan(fault, after=4)

    assert pull() == 9
    assert accepted() == TICKETS
    assert last_delivery(ledger).details["waits"] == "2"


def test_a_pull_that_broke_half_way_is_recorded_and_never_accepted(
    desk: Any,
    pull: Pull,
    ledger: Ledger,
    landing: ObjectStore,
    accepted: Callable[[], list[int]],
) -> None:
    desk.faults.plan(*[Fault(status=502)] * 50, after=3)
    impatient = LocalSaas(page_size=2, records_per_file=2, patience_seconds=0.2)

    with pytest.raises(SourceUnreachable, match="HTTP 502"):
        pull(saas=impatient)

    broken = last_delivery(ledger)
    execution = impatient.execution(request_of(broken), landing=landing)
    assert (broken.status, broken.rows) == ("failed", 0)
    assert "HTTP 502" in broken.details["error"]
    assert execution is not None
    assert (execution.status, execution.records, execution.report) == ("Error", 6, None)
    assert "HTTP 502" in (execution.message or "")
    assert len(list(landing.list(broken.prefix))) == 3, "it has written files"
    assert accepted() == []

    desk.faults.planned.clear()
    assert pull() == 9
    assert accepted() == TICKETS


def test_a_deadline_ends_a_pull_that_only_ever_waits(desk: Any, pull: Pull) -> None:
    desk.faults.always = Fault(status=429, headers={"Retry-After": "0.05"})
    began = time.monotonic()

    with pytest.raises(SourceUnreachable, match="deadline"):
        pull(saas=LocalSaas(patience_seconds=3_600, deadline_seconds=0.5))
    assert time.monotonic() - began < 5.0


KILLED_PULL = """
import json, sys
from datetime import datetime
from pathlib import Path
from product360_assets.core.contract import SourceContract
from product360_assets.ingestion.services import ServiceIngestion
from resources.local.ledger import SqliteLedger
from resources.local.saas import LocalSaas
from resources.objects import LakeResource

said = json.loads(sys.argv[1])
contract = SourceContract.model_validate(said["contract"])
landing = LakeResource(uri=said["lake"]).zone("landing")
saas = LocalSaas(page_size=2, records_per_file=2)
ServiceIngestion(contract, SqliteLedger(Path(said["ledger"])), landing, saas, print).pull(
    contract.table("ticket"),
    until=datetime.fromisoformat(said["until"]),
    connection=said["connection"],
    reload=False,
)
"""


def test_a_pull_whose_process_is_killed_leaves_nothing_that_counts(
    desk: Any,
    pull: Pull,
    ledger: Ledger,
    landing: ObjectStore,
    lake: LakeResource,
    accepted: Callable[[], list[int]],
    tmp_path: Path,
) -> None:
    desk.faults.plan(*[Fault(status=503)] * 50, after=3)
    said = {
        "contract": desk.contract.model_dump(mode="json"),
        "lake": lake.uri,
        "ledger": str(tmp_path / "ledger.db"),
        "until": NOON.isoformat(),
        "connection": dict(desk.connection),
    }
    puller = subprocess.Popen([sys.executable, "-c", KILLED_PULL, json.dumps(said)])
    deadline = time.monotonic() + 60
    while len(list(landing.list("desk/ticket/"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(puller.pid, signal.SIGKILL)
    puller.wait()

    assert last_delivery(ledger).status == "running"
    assert accepted() == []
    desk.faults.planned.clear()
    assert pull() == 9
    [killed, whole] = ledger.deliveries("desk", "ticket")
    assert (killed.status, killed.details["error"]) == (
        "failed", "it never ended; its process is gone"
    )  # fmt: skip
    assert (whole.status, whole.rows) == ("successful", 9)
    assert accepted() == TICKETS


class DiesBeforeItIsTold(SqliteLedger):
    """A ledger whose process dies when an execution has ended, before that is recorded."""

    def record_delivery(self, delivery: Delivery) -> None:
        if delivery.status == "successful":
            raise KeyboardInterrupt
        super().record_delivery(delivery)


def test_an_execution_that_ended_unheard_is_recorded_and_not_repeated(
    desk: Any,
    pull: Pull,
    ledger: Ledger,
    accepted: Callable[[], list[int]],
    tmp_path: Path,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull(told=DiesBeforeItIsTold(tmp_path / "ledger.db"))
    assert accepted() == []
    asked = desk.faults.requests

    assert pull() is None, "its window has been pulled"
    assert desk.faults.requests == asked
    assert [found.status for found in ledger.deliveries("desk", "ticket")] == ["successful"]
    assert accepted() == TICKETS


def test_a_change_that_was_committed_late_comes_with_the_next_pull(
    desk: Any, pull: Pull, accepted: Callable[[], list[int]]
) -> None:
    pull(NOON)
    desk.add(100, "2017-05-01T11:30:00+00:00")
    desk.add(101, "2017-05-01T12:30:00+00:00")

    assert pull(NEXT_NOON) == 2
    assert accepted()[-2:] == [100, 101]


def test_without_an_overlap_a_late_commit_would_be_lost(
    desk: Any, pull: Pull, accepted: Callable[[], list[int]]
) -> None:
    [table] = desk.contract.tables
    bare = table.model_copy(update={"pull": PullContract(overlap_minutes=0)})
    contract = desk.contract.model_copy(update={"tables": (bare,)})
    pull(NOON, contract=contract)
    desk.add(100, "2017-05-01T11:30:00+00:00")
    desk.add(101, "2017-05-01T12:30:00+00:00")

    assert pull(NEXT_NOON, contract=contract) == 1
    assert 100 not in accepted()


def test_records_removed_behind_the_cursor_do_not_move_the_rest_past_it(
    desk: Any, pull: Pull, accepted: Callable[[], list[int]]
) -> None:
    planned = desk.faults.next

    def next_request() -> Fault:
        if desk.faults.requests == 2:
            desk.remove(0)
            desk.remove(1)
        return planned()

    desk.faults.next = next_request

    assert pull() == 9
    assert accepted() == TICKETS


def test_a_failure_of_ours_is_recorded_too(
    desk: Any, pull: Pull, ledger: Ledger, landing: ObjectStore
) -> None:
    wrong: Mapping[str, str] = {**desk.connection, "client_secret": "secret-word"}
    ingestion = ServiceIngestion(
        desk.contract, ledger, landing, SMALL_PAGES, log=lambda _message: None
    )

    with pytest.raises(Product360Error):
        ingestion.pull(desk.table, until=NOON, connection=wrong, reload=False)

    error = last_delivery(ledger).details["error"]
    assert "invalid_client" in error
    assert "secret-word" not in error
