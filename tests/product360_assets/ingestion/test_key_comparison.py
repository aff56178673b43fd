"""Deletions by comparing keys, against the real service; clean is written as clean is, by hand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.saas_faults import Fault
from product360_assets.core.contract import SourceContract
from product360_assets.ingestion.arrivals import arrivals
from product360_assets.ingestion.executions import purpose_of
from product360_assets.ingestion.key_comparison import KeyComparison
from product360_assets.ingestion.services import ServiceIngestion
from resources.errors import SourceRejected, SourceUnreachable
from resources.ledger import Batch, LandedObject, Ledger, ZoneState
from resources.local.saas import LocalSaas
from resources.objects import LakeResource

NOON = dt.datetime(2017, 5, 1, 12, tzinfo=dt.UTC)
A_DAY = dt.timedelta(days=1)
LAST_INSTANT = "2017-05-01T11:59:59.999999+00:00"

CLEAN = pa.schema(
    [
        ("ticket_id", pa.int64()),
        ("_epoch", pa.string()),
        ("_committed_at", pa.timestamp("us", tz="UTC")),
        ("_change_sequence", pa.string()),
        ("_operation", pa.string()),
    ]
)

MakeClean = Callable[[Sequence[tuple[int, str, str]]], None]
Compare = Callable[..., int | None]


@pytest.fixture
def make_clean(ledger: Ledger, lake: LakeResource, tmp_path: Any) -> MakeClean:
    """Put one clean batch of changes (ticket, operation, time) into the lake and the ledger."""

    def made(changes: Sequence[tuple[int, str, str]]) -> None:
        number = len(ledger.batches("desk", "ticket"))
        landed = LandedObject("landing", f"desk/ticket/{number}.json", "v", 1)
        batch = Batch(f"2017-05-01-{number}", "desk", "ticket", NOON.date(), "pull", "0", (landed,))
        ledger.open_batch(batch)
        rows = [
            {
                "ticket_id": ticket,
                "_epoch": "0",
                "_committed_at": dt.datetime.fromisoformat(at),
                "_change_sequence": None,
                "_operation": operation,
            }
            for ticket, operation, at in changes
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=CLEAN), tmp_path / "part.parquet")
        prefix = f"desk/ticket/unit=u/batch={batch.batch_id}"
        clean = lake.zone("clean")
        clean.put_file(f"{prefix}/part.parquet", tmp_path / "part.parquet")
        state = ZoneState(
            batch.batch_id, "clean", len(rows), len(rows), 0, clean.uri_of(prefix),
            "u", "c", "c", None, NOON, {},
        )  # fmt: skip
        ledger.record_zone(state, replacing=None)

    return made


@pytest.fixture
def compare(desk: Any, ledger: Ledger, lake: LakeResource) -> Compare:
    """Compare the desk's keys at a moment and return how many tickets were deleted."""

    def at(moment: dt.datetime = NOON, *, contract: SourceContract | None = None) -> int | None:
        chosen = contract or desk.contract
        comparison = KeyComparison(
            chosen, ledger, lake, LocalSaas(page_size=2, patience_seconds=0.2), lambda _: None
        )
        found = comparison.compare(chosen.table("ticket"), until=moment, connection=desk.connection)
        return None if found is None else found.missing

    return at


@pytest.fixture
def delivered(desk: Any, ledger: Ledger, lake: LakeResource) -> Callable[[], list[Any]]:
    """Every delivered deletion, in the order of delivery."""

    def records() -> list[Any]:
        landing = lake.zone("landing")
        found = arrivals(desk.contract, desk.table, ledger=ledger, landing=landing)
        return [
            json.loads(line)
            for arrival in found.by_day
            for landed in arrival.objects
            for line in landing.read(landed.key).splitlines()
        ]

    return records


def all_tickets() -> list[tuple[int, str, str]]:
    return [(number, "I", f"2017-05-01T{number:02d}:00:00+00:00") for number in range(9)]


def test_what_the_service_no_longer_lists_is_delivered_as_deleted(
    desk: Any, make_clean: MakeClean, compare: Compare, delivered: Callable[[], list[Any]]
) -> None:
    make_clean(all_tickets())
    desk.remove(4)

    assert compare() == 1
    assert delivered() == [{"ticket_id": 4, "modified_at": LAST_INSTANT, "_operation": "D"}]


def test_the_ledger_knows_the_comparison_and_landing_keeps_no_list_of_keys(
    desk: Any, make_clean: MakeClean, compare: Compare, ledger: Ledger, lake: LakeResource
) -> None:
    make_clean(all_tickets())
    desk.remove(4)
    compare()

    [found] = ledger.deliveries("desk", "ticket")
    assert (purpose_of(found), found.status, found.rows) == ("keys", "successful", 1)
    assert (found.details["keys there"], found.details["keys here"]) == ("8", "9")
    assert "watermark" not in found.details
    assert list(lake.zone("landing").list("_keys/")) == []


def test_it_is_asked_at_the_declared_cadence_and_never_before_anything_is_clean(
    make_clean: MakeClean, compare: Compare
) -> None:
    assert compare() is None
    make_clean(all_tickets())
    assert compare() == 0
    assert compare() is None, "its clock stands still"
    assert compare(NOON + A_DAY / 2) is None
    assert compare(NOON + A_DAY) == 0


def test_of_each_key_the_last_change_decides(
    desk: Any, make_clean: MakeClean, compare: Compare, delivered: Callable[[], list[Any]]
) -> None:
    make_clean(all_tickets())
    make_clean(
        [
            (20, "I", "2017-05-01T01:00:00+00:00"),
            (20, "D", "2017-05-01T02:00:00+00:00"),
            (21, "D", "2017-05-01T02:00:00+00:00"),
            (21, "I", "2017-05-01T03:00:00+00:00"),
            # As late as its deletion: the deletion wins.
            (22, "I", "2017-05-01T02:00:00+00:00"),
            (22, "D", "2017-05-01T02:00:00+00:00"),
        ]
    )
    desk.remove(3)

    assert compare() == 2
    assert [record["ticket_id"] for record in delivered()] == [3, 21]


def test_a_key_that_changed_after_the_list_was_asked_for_is_not_judged(
    make_clean: MakeClean, compare: Compare
) -> None:
    # Ticket 50 is in clean and not at the service, and is newer than the question.
    make_clean([*all_tickets(), (50, "I", "2017-05-01T12:00:00+00:00")])

    assert compare(NOON) == 0
    assert compare(NOON + A_DAY) == 1


def test_a_record_that_comes_back_is_later_than_its_deletion(
    desk: Any, make_clean: MakeClean, compare: Compare, delivered: Callable[[], list[Any]]
) -> None:
    make_clean(all_tickets())
    desk.remove(4)
    compare()
    [deletion] = delivered()
    # The first moment at which it can come back, because windows hold their beginning.
    assert dt.datetime.fromisoformat(deletion["modified_at"]) < NOON

    make_clean([(4, "D", LAST_INSTANT), (4, "I", NOON.isoformat())])
    desk.add(4, NOON.isoformat())
    assert compare(NOON + A_DAY) == 0


def test_a_deletion_that_is_delivered_twice_is_one(
    desk: Any, make_clean: MakeClean, compare: Compare, delivered: Callable[[], list[Any]]
) -> None:
    make_clean(all_tickets())
    desk.remove(4)
    compare()
    # Not clean yet when the next comparison comes.
    assert compare(NOON + A_DAY) == 1
    assert [record["ticket_id"] for record in delivered()] == [4, 4]

    make_clean([(4, "D", record["modified_at"]) for record in delivered()])
    assert compare(NOON + 2 * A_DAY) == 0


@pytest.mark.parametrize("left", [range(0), range(7)])
def test_a_list_that_lacks_too_much_deletes_nothing(
    desk: Any,
    make_clean: MakeClean,
    compare: Compare,
    ledger: Ledger,
    delivered: Callable[[], list[Any]],
    left: range,
) -> None:
    make_clean(all_tickets())
    for ticket in set(range(9)) - set(left):
        desk.remove(ticket)

    with pytest.raises(SourceRejected, match=f"{9 - len(left)} of 9 current keys missing"):
        compare()

    [found] = ledger.deliveries("desk", "ticket")
    assert found.status == "failed"
    assert "deletes_at_most_percent" in found.details["error"]
    assert delivered() == []


def test_a_list_that_breaks_off_deletes_nothing(
    desk: Any, make_clean: MakeClean, compare: Compare, delivered: Callable[[], list[Any]]
) -> None:
    make_clean(all_tickets())
    desk.remove(4)
    desk.faults.plan(*[Fault(status=500)] * 20, after=2)

    with pytest.raises(SourceUnreachable):
        compare()
    assert delivered() == []

    desk.faults.planned.clear()
    assert compare() == 1


def test_a_comparison_that_died_after_it_delivered_is_done_again(
    desk: Any,
    make_clean: MakeClean,
    compare: Compare,
    ledger: Ledger,
    lake: LakeResource,
    delivered: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_clean(all_tickets())
    desk.remove(4)
    with monkeypatch.context() as dying:
        dying.setattr(KeyComparison, "_finish", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            compare()
    assert delivered() == [], "what it wrote does not count"

    ServiceIngestion(desk.contract, ledger, lake.zone("landing"), LocalSaas(), lambda _: None).pull(
        desk.table, until=NOON, connection=desk.connection, reload=False
    )
    assert compare() == 1
    assert [record.get("_operation") for record in delivered()] == [None] * 8 + ["D"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"order": None}, "order"),
        ({"order": "ticket_id"}, "timestamp"),
        ({"treated": True}, "treatment"),
        ({"kind": "files"}, "no service"),
    ],
)
def test_a_contract_whose_keys_cannot_be_compared_is_refused(
    desk: Any, change: dict[str, Any], said: str
) -> None:
    document = desk.contract.model_dump()
    table = {**document["tables"][0]}
    if change.pop("treated", False):
        table["columns"] = [{**column, "treatment": "hash"} for column in table["columns"]]
    kind = change.pop("kind", "saas")
    changed = {**document, "kind": kind, "tables": [{**table, **change}]}

    with pytest.raises(ValueError, match=said):
        SourceContract.model_validate(changed)
