"""Deliveries are watched by the ledger alone: in time, of the usual size, as complete as usual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from product360_assets.clean.watch import (
    delivery_checks,
    in_time,
    usual_nulls,
    usual_volume,
    watched,
)
from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.core.usual import NOT_JUDGED
from resources.jobs import JobRunner
from resources.ledger import Batch, LandedObject, Ledger, LedgerResource, ZoneState, batch_id_of
from resources.objects import LakeResource
from resources.registry import RegistryResource

MONDAY = date(2017, 5, 1)
WEEK = timedelta(days=7)
Shop = Callable[..., SourceContract]


def clean_batch(
    ledger: Ledger, day: date, rows: int, *, nulls: int = 0, kind: Any = "file"
) -> None:
    """Record a clean batch of so many rows, of which so many have no member."""
    landed = LandedObject("landing", f"shop/order/{day}/{kind}.csv", "v1", 1)
    batch_id = batch_id_of(day, [landed])
    ledger.open_batch(Batch(batch_id, "shop", "order", day, kind, "0", (landed,)))
    ledger.record_zone(
        ZoneState(
            batch_id=batch_id,
            zone="clean",
            rows_in=rows,
            rows_out=rows,
            rows_quarantined=0,
            location="",
            unit="1",
            code_version="1",
            config_version="1",
            snapshot_id=None,
            recorded_at=datetime(2017, 5, 1, tzinfo=UTC),
            details={"nulls.member": str(nulls)},
        ),
        replacing=None,
    )


@pytest.fixture
def seen(shop: Shop, ledger: Ledger) -> Callable[..., Any]:
    def look(*, now: date | None = None, **changes: Any) -> Any:
        contract = shop(**changes)
        return watched(ledger, contract, contract.table("order"), now=now)

    return look


def test_a_late_delivery_is_told_by_the_data_s_own_today(
    seen: Callable[..., Any], ledger: Ledger
) -> None:
    clean_batch(ledger, MONDAY, 10)
    assert in_time(seen(now=MONDAY + timedelta(days=1))).holds
    late = in_time(seen(now=MONDAY + timedelta(days=3)))
    assert not late.holds
    assert late.counted["newest"] == "2017-05-01"


def test_a_monday_is_compared_with_mondays(seen: Callable[..., Any], ledger: Ledger) -> None:
    for number in range(5):
        clean_batch(ledger, MONDAY + number * WEEK, 100)
        clean_batch(ledger, MONDAY + number * WEEK + timedelta(days=1), 1_000)
    clean_batch(ledger, MONDAY + 5 * WEEK, 30)
    verdict = usual_volume(seen())
    assert not verdict.holds
    assert (verdict.counted["rows"], verdict.counted["median"]) == (30, 100)
    assert "data:image/png" in verdict.counted["Rows by landing date"].md_str


def test_a_weekly_file_is_compared_with_all_earlier_ones_of_its_kind(
    seen: Callable[..., Any], ledger: Ledger
) -> None:
    clean_batch(ledger, MONDAY, 1_000_000, kind="load")
    for number in range(1, 6):
        clean_batch(ledger, MONDAY + timedelta(days=number), 100)
    assert usual_volume(seen(cadence="weekly")).counted["earlier deliveries"] == 4
    assert usual_volume(seen(cadence="weekly")).holds
    assert NOT_JUDGED in usual_volume(seen(cadence="daily")).counted


def test_a_day_that_is_going_on_is_not_judged_by_its_size(
    seen: Callable[..., Any], ledger: Ledger
) -> None:
    for number in range(6):
        clean_batch(ledger, MONDAY + number * WEEK, 100)
    clean_batch(ledger, MONDAY + 6 * WEEK, 1)
    assert not usual_volume(seen(cadence="continuous", now=MONDAY + 7 * WEEK)).holds
    verdict = usual_volume(seen(cadence="continuous", now=MONDAY + 6 * WEEK))
    assert (verdict.holds, verdict.counted["delivery of"]) == (True, "2017-06-05")


def test_a_column_that_empties_is_noticed(seen: Callable[..., Any], ledger: Ledger) -> None:
    clean_batch(ledger, MONDAY, 500, nulls=50)
    clean_batch(ledger, MONDAY + WEEK, 500, nulls=50)
    clean_batch(ledger, MONDAY + 2 * WEEK, 100, nulls=40)
    verdict = usual_nulls(seen())
    assert not verdict.holds
    assert verdict.counted["unusual"] == {"member": "10.0% before, 40.0% now"}


def test_the_nulls_of_a_batch_are_counted_as_it_is_made_clean(
    shop: Shop,
    lake: LakeResource,
    ledger: Ledger,
    runner: JobRunner,
    deliver: Callable[[Mapping[str, str]], None],
) -> None:
    deliver({"2017-05-01/a.csv": "order_id,Member,total\n1,ann,1.10\n2,,2.00\n3,,3.00\n"})
    contract = shop()
    Cleaning(contract, contract.table("order"), ledger, lake, runner, lambda _: None).clean(
        [MONDAY]
    )
    [state] = ledger.zone_states("shop", "order", "clean").values()
    counted = {name: count for name, count in state.details.items() if name.startswith("nulls.")}
    assert counted == {"nulls.member": "2"}


def test_every_table_is_watched_for_the_same_three_things(
    shop: Shop,
    ledger: Ledger,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
) -> None:
    clean_batch(ledger, MONDAY, 10)
    checks = delivery_checks(shop())
    result = dg.materialize(
        [checks],
        resources={"ledger": ledger_resource, "registry": registry_resource},
        selection=dg.AssetSelection.checks(checks),
    )
    found = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert found == {
        "is_delivered_in_time": True,
        "volume_is_usual": True,
        "nulls_are_usual": True,
    }
