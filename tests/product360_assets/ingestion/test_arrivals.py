"""What counts as delivered, and on which day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from datetime import date

import pytest

from product360_assets.core.contract import SourceContract, SourceKind
from product360_assets.ingestion.arrivals import (
    arrivals,
    delivered_rows,
    execution_id,
    landing_day,
)
from resources.ledger import Batch, Delivery, DeliveryStatus, Ledger
from resources.objects import ObjectStore

Shop = Callable[[SourceKind], SourceContract]
NOON = dt.datetime(2017, 5, 1, 12, tzinfo=dt.UTC)


def deliver(
    ledger: Ledger, landing: ObjectStore, number: int, status: DeliveryStatus, *, data: bytes
) -> None:
    prefix = f"shop/execution-{number}/"
    if data:
        landing.put(f"{prefix}part.json", data)
    ledger.record_delivery(
        Delivery(
            source="shop",
            table="order",
            delivery_id=f"execution-{number}",
            landing_date=date(2017, 5, number),
            prefix=prefix,
            status=status,
            started_at=NOON,
            finished_at=None,
            rows=number,
            bytes=len(data),
            details={},
        )
    )


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("2017-01-09/price-2017-W01.csv", date(2017, 1, 9)),
        ("2017/01/09/13/event-1.json.gz", date(2017, 1, 9)),
        ("landing_date=2017-01-09/part.parquet", date(2017, 1, 9)),
        ("europe/2017-01-09/part.csv", date(2017, 1, 9)),
        ("2017-02-30/part.csv", None),
        ("part-2017-01-09.csv", None),
        ("2017-01-09.csv", None),
        ("part.csv", None),
    ],
)
def test_a_key_names_its_day_in_its_folders(key: str, day: date | None) -> None:
    assert landing_day(key) == day


def test_files_arrive_by_the_day_that_their_key_names(
    shop: Shop, ledger: Ledger, landing: ObjectStore
) -> None:
    for key in ("2017-05-02/b.csv", "2017-05-01/a.csv", "2017-05-02/c.csv", "lost.csv"):
        landing.put(f"shop/order/{key}", key.encode())
    landing.put("shop/orders/2017-05-03/other-table.csv", b"x")
    contract = shop("files")

    found = arrivals(contract, contract.table("order"), ledger=ledger, landing=landing)

    assert [
        (
            arrival.landing_date.day,
            arrival.kind,
            [o.key.rpartition("/")[2] for o in arrival.objects],
        )
        for arrival in found.by_day
    ] == [(1, "file", ["a.csv"]), (2, "file", ["b.csv", "c.csv"])]
    assert found.undated == ("shop/order/lost.csv",)


def test_only_successful_executions_arrive(
    shop: Shop, ledger: Ledger, landing: ObjectStore
) -> None:
    deliver(ledger, landing, 1, "failed", data=b"part of it")
    deliver(ledger, landing, 2, "running", data=b"part of it")
    deliver(ledger, landing, 3, "successful", data=b"all of it")
    deliver(ledger, landing, 4, "successful", data=b"")
    contract = shop("database")

    found = arrivals(contract, contract.table("order"), ledger=ledger, landing=landing)

    [arrival] = found.by_day
    assert (arrival.landing_date.day, arrival.kind, arrival.epoch) == (3, "load", "execution-3")
    assert [landed.key for landed in arrival.objects] == ["shop/execution-3/part.json"]


def test_only_a_load_opens_an_epoch(shop: Shop, ledger: Ledger, landing: ObjectStore) -> None:
    deliver(ledger, landing, 3, "successful", data=b"all of it")
    contract = shop("saas")

    [arrival] = arrivals(contract, contract.table("order"), ledger=ledger, landing=landing).by_day

    assert (arrival.kind, arrival.epoch) == ("pull", "0")


def test_the_rows_of_a_batch_are_known_when_it_is_a_whole_execution(
    shop: Shop, ledger: Ledger, landing: ObjectStore
) -> None:
    deliver(ledger, landing, 3, "successful", data=b"all of it")
    contract = shop("saas")
    [arrival] = arrivals(contract, contract.table("order"), ledger=ledger, landing=landing).by_day
    batch = Batch("b", "shop", "order", date(2017, 5, 3), "pull", "0", arrival.objects)

    assert delivered_rows(batch, ledger) == 3

    landing.put("shop/execution-3/late.json", b"and more")
    more = arrivals(contract, contract.table("order"), ledger=ledger, landing=landing).by_day[0]
    other = Batch("c", "shop", "order", date(2017, 5, 3), "pull", "0", more.objects)
    assert delivered_rows(other, ledger) is None


def test_an_execution_id_was_never_used_before(landing: ObjectStore) -> None:
    earlier = ["20170401T120000Z-0001"]
    assert execution_id(NOON, earlier, landing=landing, folder="shop") == "20170501T120000Z-0002"

    # The ledger was lost, but not what landing holds.
    landing.put("shop/20170501T120000Z-0002/part.json", b"{}")
    assert execution_id(NOON, earlier, landing=landing, folder="shop") == "20170501T120000Z-0003"
