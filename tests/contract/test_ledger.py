"""What every ledger does: the same sentences for SQLite and for DynamoDB."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from resources.errors import LedgerConflict, ObjectClaimed
from resources.ledger import (
    AcceptedObject,
    Batch,
    Delivery,
    LandedObject,
    Ledger,
    ZoneState,
    batch_id_of,
)

MONDAY = date(2017, 1, 9)
NOON = datetime(2017, 1, 9, 12, 0, tzinfo=UTC)

Opener = Callable[[], Ledger]


@pytest.fixture
def ledger(open_ledger: Opener) -> Ledger:
    return open_ledger()


def landed(key: str, version: str = "v1", size: int = 10) -> LandedObject:
    return LandedObject("landing", key, version, size)


def batch(*objects: LandedObject, day: date = MONDAY, table: str = "price_week") -> Batch:
    return Batch(batch_id_of(day, objects), "pricing", table, day, "file", "0", objects)


def delivery(**changes: object) -> Delivery:
    base = Delivery(
        source="crm",
        table="household",
        delivery_id="execution-1",
        landing_date=MONDAY,
        prefix="crm/household/execution-1/",
        status="running",
        started_at=NOON,
        finished_at=None,
        rows=0,
        bytes=0,
        details={},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def state(of: Batch, zone: str = "raw", **changes: object) -> ZoneState:
    base = ZoneState(
        batch_id=of.batch_id,
        zone=zone,
        rows_in=3,
        rows_out=2,
        rows_quarantined=1,
        location="somewhere",
        unit="u1",
        code_version="c1",
        config_version="g1",
        snapshot_id=None,
        recorded_at=NOON,
        details={"warn.rule": "1"},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


# --- deliveries -------------------------------------------------------------------------------


def test_a_delivery_is_read_back_as_it_was_recorded(ledger: Ledger) -> None:
    finished = delivery(
        status="successful",
        finished_at=NOON + timedelta(seconds=1, microseconds=7),
        rows=4,
        bytes=2**40,
        details={"watermark": "2017-01-08T00:00:00Z", "umlaut": "ü"},
    )
    ledger.record_delivery(finished)
    assert ledger.deliveries("crm", "household") == [finished]


def test_a_running_delivery_becomes_what_it_ends_as(ledger: Ledger) -> None:
    ledger.record_delivery(delivery())
    ledger.record_delivery(delivery(status="failed", finished_at=NOON))
    ledger.record_delivery(delivery(status="successful", finished_at=NOON, rows=4))
    (recorded,) = ledger.deliveries("crm", "household")
    assert (recorded.status, recorded.rows) == ("successful", 4)


def test_a_successful_delivery_never_changes(ledger: Ledger) -> None:
    successful = delivery(status="successful", finished_at=NOON, rows=4)
    ledger.record_delivery(successful)
    ledger.record_delivery(successful)
    for other in (delivery(), replace(successful, rows=5)):
        with pytest.raises(LedgerConflict, match="execution-1"):
            ledger.record_delivery(other)
    assert ledger.deliveries("crm", "household") == [successful]


def test_deliveries_are_listed_by_the_time_they_started_whatever_their_time_zone(
    ledger: Ledger,
) -> None:
    in_new_york = timezone(timedelta(hours=-5))
    later = delivery(delivery_id="a", started_at=NOON.astimezone(in_new_york))
    sooner = delivery(delivery_id="b", started_at=NOON - timedelta(minutes=1))
    ledger.record_delivery(later)
    ledger.record_delivery(sooner)
    ledger.record_delivery(delivery(table="demographic"))
    assert ledger.deliveries("crm", "household") == [sooner, later]
    assert ledger.deliveries("crm", "nothing") == []


def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="time zone"):
        ledger.record_delivery(delivery(started_at=NOON.replace(tzinfo=None)))


# --- batches and claims -----------------------------------------------------------------------


def test_an_opened_batch_is_read_back_with_its_objects_in_order(ledger: Ledger) -> None:
    opened = ledger.open_batch(batch(landed("p/b é.csv", size=0), landed("p/a=1.csv")))
    assert [one.key for one in opened.objects] == ["p/a=1.csv", "p/b é.csv"]
    assert ledger.batch(opened.batch_id) == opened
    assert ledger.batch("2017-01-09-000000000000") is None


def test_opening_the_same_batch_again_returns_it(open_ledger: Opener) -> None:
    first, second = landed("p/a.csv"), landed("p/b.csv")
    opened = open_ledger().open_batch(batch(first, second))
    assert open_ledger().open_batch(batch(second, first)) == opened


def test_an_id_stands_for_one_batch_only(ledger: Ledger) -> None:
    opened = ledger.open_batch(batch(landed("p/a.csv")))
    for other in (replace(opened, epoch="1"), replace(opened, objects=(landed("p/b.csv"),))):
        with pytest.raises(LedgerConflict, match=opened.batch_id):
            ledger.open_batch(other)
    assert ledger.batches("pricing", "price_week") == [opened]
    assert ledger.claimed("landing", "") == {("p/a.csv", "v1"): opened.batch_id}


def test_a_batch_that_wants_a_claimed_object_gets_none_of_its_objects(ledger: Ledger) -> None:
    holder = ledger.open_batch(batch(landed("p/b.csv")))
    refused = batch(landed("p/a.csv"), landed("p/b.csv"), landed("p/c.csv"))
    with pytest.raises(ObjectClaimed, match=holder.batch_id):
        ledger.open_batch(refused)
    assert ledger.batch(refused.batch_id) is None
    assert ledger.batches("pricing", "price_week") == [holder]
    assert ledger.claimed("landing", "p/") == {("p/b.csv", "v1"): holder.batch_id}
    rest = ledger.open_batch(batch(landed("p/a.csv"), landed("p/c.csv")))
    assert ledger.claimed("landing", "p/") == {
        ("p/a.csv", "v1"): rest.batch_id,
        ("p/b.csv", "v1"): holder.batch_id,
        ("p/c.csv", "v1"): rest.batch_id,
    }


def test_a_new_version_of_an_object_can_be_claimed_beside_the_old(ledger: Ledger) -> None:
    old = ledger.open_batch(batch(landed("p/a.csv", "v1")))
    new = ledger.open_batch(batch(landed("p/a.csv", "v2")))
    assert ledger.claimed("landing", "p/a") == {
        ("p/a.csv", "v1"): old.batch_id,
        ("p/a.csv", "v2"): new.batch_id,
    }


def test_claims_are_found_by_bucket_and_key_prefix(ledger: Ledger) -> None:
    long = "p/" + "k" * 1000
    keys = ["p/a", "p/a/b", "p/ab", "p0", long + "1", long + "2"]
    opened = ledger.open_batch(batch(*map(landed, keys)))
    assert {key for key, _ in ledger.claimed("landing", "p/a")} == {"p/a", "p/a/b", "p/ab"}
    assert {key for key, _ in ledger.claimed("landing", "p/a/")} == {"p/a/b"}
    assert {key for key, _ in ledger.claimed("landing", long + "2")} == {long + "2"}
    assert {key for key, _ in ledger.claimed("landing", "")} == set(keys)
    assert set(ledger.claimed("landing", "").values()) == {opened.batch_id}
    assert ledger.claimed("other", "p/") == {}


def test_batches_are_listed_by_landing_date_and_can_be_chosen_by_it(ledger: Ledger) -> None:
    tuesday = MONDAY + timedelta(days=1)
    late = ledger.open_batch(batch(landed("p/late"), day=tuesday))
    early = sorted(
        (ledger.open_batch(batch(landed(key))) for key in ("p/x", "p/y")),
        key=lambda one: one.batch_id,
    )
    ledger.open_batch(batch(landed("p/z"), table="promotion_week"))
    assert ledger.batches("pricing", "price_week") == [*early, late]
    assert ledger.batches("pricing", "price_week", landing_dates={tuesday}) == [late]
    assert ledger.batches("pricing", "price_week", landing_dates=[]) == []
    assert ledger.batches("pricing", "nothing") == []


def test_a_batch_of_thousands_of_objects_is_one_batch(open_ledger: Opener) -> None:
    wanted = batch(*(landed(f"p/{number:05d}.csv", size=number) for number in range(4000)))
    opened = open_ledger().open_batch(wanted)
    other = open_ledger()
    assert other.batch(opened.batch_id) == opened
    assert other.batches("pricing", "price_week") == [opened]
    assert len(other.claimed("landing", "p/0")) == 4000
    accepted = [AcceptedObject(one, f"raw/{one.key}", "ab" * 32) for one in opened.objects]
    other.accept_objects(opened.batch_id, accepted[:2500])
    other.accept_objects(opened.batch_id, accepted)
    assert other.accepted_objects(opened.batch_id) == accepted


# --- races ------------------------------------------------------------------------------------


def test_of_many_threads_that_claim_one_object_one_wins(open_ledger: Opener) -> None:
    shared = landed("p/shared.csv")
    rivals = [batch(landed(f"p/own-{number}.csv"), shared) for number in range(8)]

    def claim(rival: Batch) -> str | None:
        try:
            return open_ledger().open_batch(rival).batch_id
        except ObjectClaimed:
            return None

    with ThreadPoolExecutor(len(rivals)) as pool:
        winners = [winner for winner in pool.map(claim, rivals) if winner]
    assert len(winners) == 1
    (opened,) = open_ledger().batches("pricing", "price_week")
    assert [opened.batch_id] == winners
    assert set(open_ledger().claimed("landing", "p/").values()) == set(winners)


def test_many_threads_that_open_the_same_batch_all_get_it(open_ledger: Opener) -> None:
    wanted = batch(*(landed(f"p/{number}.csv") for number in range(150)))

    def open_it(_: int) -> Batch:
        return open_ledger().open_batch(wanted)

    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(open_it, range(6)))
    assert all(one == opened[0] for one in opened)
    assert open_ledger().batches("pricing", "price_week") == [opened[0]]
    assert len(open_ledger().claimed("landing", "p/")) == 150


def test_many_threads_record_deliveries_and_none_is_lost(open_ledger: Opener) -> None:
    ids = [f"execution-{number:02d}" for number in range(24)]

    def record(delivery_id: str) -> None:
        open_ledger().record_delivery(delivery(delivery_id=delivery_id))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, ids))
    assert [one.delivery_id for one in open_ledger().deliveries("crm", "household")] == ids


RACER = """
import sys
from datetime import date
from resources.errors import ObjectClaimed
from resources.ledger import Batch, LandedObject, batch_id_of
{opening}
objects = tuple(LandedObject("landing", key, "v1", 1) for key in (sys.argv[1], "p/shared.csv"))
day = date(2017, 1, 9)
rival = Batch(batch_id_of(day, objects), "pricing", "price_week", day, "file", "0", objects)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(ledger.open_batch(rival).batch_id)
except ObjectClaimed:
    pass
"""


def test_of_several_processes_that_claim_one_object_one_wins(open_ledger: Opener) -> None:
    resource = open_ledger.__self__  # type: ignore[attr-defined]
    kind = type(resource)
    opening = f"from {kind.__module__} import {kind.__name__}\n" + (
        f"ledger = {kind.__name__}(**{resource.model_dump()!r}).open()"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER.format(opening=opening), f"p/own-{number}.csv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number in range(3)
    ]
    assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 3
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=120)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * len(racers)
    winners = [winner for answer in answers for winner in answer]
    assert len(winners) == 1
    assert [one.batch_id for one in open_ledger().batches("pricing", "price_week")] == winners


# --- acceptance -------------------------------------------------------------------------------


def test_accepted_objects_are_listed_by_raw_key_and_accepting_again_changes_nothing(
    ledger: Ledger,
) -> None:
    a, b = landed("p/a.csv"), landed("p/b.csv")
    opened = ledger.open_batch(batch(a, b))
    first, second = AcceptedObject(a, "raw/2", "aa"), AcceptedObject(b, "raw/1 é", "bb")
    assert ledger.accepted_objects(opened.batch_id) == []
    ledger.accept_objects(opened.batch_id, [first])
    ledger.accept_objects(opened.batch_id, [first, second, second])
    assert ledger.accepted_objects(opened.batch_id) == [second, first]


def test_accepting_with_another_hash_or_key_is_refused_whole(ledger: Ledger) -> None:
    a, b = landed("p/a.csv"), landed("p/b.csv")
    opened = ledger.open_batch(batch(a, b))
    first = AcceptedObject(a, "raw/a", "aa")
    ledger.accept_objects(opened.batch_id, [first])
    for other in (replace(first, sha256="ff"), replace(first, raw_key="raw/z")):
        with pytest.raises(LedgerConflict, match=r"p/a\.csv"):
            ledger.accept_objects(opened.batch_id, [AcceptedObject(b, "raw/b", "bb"), other])
    assert ledger.accepted_objects(opened.batch_id) == [first]


def test_only_objects_of_the_batch_can_be_accepted(ledger: Ledger) -> None:
    a = landed("p/a.csv")
    opened = ledger.open_batch(batch(a))
    stranger = AcceptedObject(landed("p/a.csv", "v2"), "raw/a", "aa")
    with pytest.raises(LedgerConflict, match="does not hold"):
        ledger.accept_objects(opened.batch_id, [stranger])
    with pytest.raises(LedgerConflict, match="no open batch"):
        ledger.accept_objects("2017-01-09-000000000000", [AcceptedObject(a, "raw/a", "aa")])


# --- zones ------------------------------------------------------------------------------------


def test_a_zone_state_is_read_back_and_listed_by_batch(ledger: Ledger) -> None:
    first = ledger.open_batch(batch(landed("p/a")))
    second = ledger.open_batch(batch(landed("p/b"), day=MONDAY + timedelta(days=1)))
    elsewhere = ledger.open_batch(batch(landed("q/a"), table="promotion_week"))
    states = [
        state(first),
        state(second, snapshot_id=2**62, details={}),
        state(first, "curated.product"),
        state(elsewhere),
    ]
    for one in states:
        ledger.record_zone(one, replacing=None)
    assert ledger.zone_state(first.batch_id, "raw") == states[0]
    assert ledger.zone_state(first.batch_id, "clean") is None
    assert ledger.zone_state("2017-01-09-000000000000", "raw") is None
    assert ledger.zone_states("pricing", "price_week", "raw") == {
        first.batch_id: states[0],
        second.batch_id: states[1],
    }
    assert ledger.zone_states("pricing", "price_week", "curated.product") == {
        first.batch_id: states[2]
    }


def test_a_zone_state_is_replaced_only_by_who_has_read_it(ledger: Ledger) -> None:
    of = ledger.open_batch(batch(landed("p/a")))
    old, new = state(of), state(of, unit="u2")
    with pytest.raises(LedgerConflict, match="no state"):
        ledger.record_zone(new, replacing=old)
    ledger.record_zone(old, replacing=None)
    with pytest.raises(LedgerConflict, match="raw"):
        ledger.record_zone(new, replacing=None)
    ledger.record_zone(new, replacing=old)
    with pytest.raises(LedgerConflict, match="raw"):
        ledger.record_zone(state(of, unit="u3"), replacing=old)
    assert ledger.zone_state(of.batch_id, "raw") == new


def test_recording_the_state_that_is_there_changes_nothing(ledger: Ledger) -> None:
    of = ledger.open_batch(batch(landed("p/a")))
    ledger.record_zone(state(of), replacing=None)
    ledger.record_zone(state(of), replacing=None)
    assert ledger.zone_state(of.batch_id, "raw") == state(of)


def test_a_zone_state_needs_an_open_batch(ledger: Ledger) -> None:
    with pytest.raises(LedgerConflict, match="no open batch"):
        ledger.record_zone(state(batch(landed("p/a"))), replacing=None)


def test_of_many_threads_that_replace_one_state_one_wins(open_ledger: Opener) -> None:
    of = open_ledger().open_batch(batch(landed("p/a")))
    old = state(of)
    open_ledger().record_zone(old, replacing=None)

    def replace_it(number: int) -> str | None:
        try:
            open_ledger().record_zone(state(of, unit=f"unit-{number}"), replacing=old)
        except LedgerConflict:
            return None
        return f"unit-{number}"

    with ThreadPoolExecutor(8) as pool:
        winners = [winner for winner in pool.map(replace_it, range(8)) if winner]
    stored = open_ledger().zone_state(of.batch_id, "raw")
    assert stored is not None
    assert winners == [stored.unit]
