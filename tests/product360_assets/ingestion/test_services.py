"""Pulls, their windows, and what the ledger knows of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from product360_assets.core.contract import SourceContract, SourceKind
from product360_assets.ingestion.services import ServiceIngestion
from resources.errors import SourceUnreachable
from resources.ledger import Ledger
from resources.objects import ObjectStore
from resources.saas import SaasResource

RECORDS = {"order": ["2017-05-01T06:00:00Z", "2017-05-01T12:00:00Z", "2017-05-02T06:00:00Z"]}
FIRST_NOON = dt.datetime(2017, 5, 1, 12, tzinfo=dt.UTC)
SECOND_NOON = dt.datetime(2017, 5, 2, 12, tzinfo=dt.UTC)


Pull = Callable[..., int | None]


@pytest.fixture
def pull(
    shop: Callable[[SourceKind], SourceContract],
    listed_saas: Callable[..., SaasResource],
    ledger: Ledger,
    landing: ObjectStore,
) -> Pull:
    """Pull the orders changed before a moment; the rows that came, None for no execution."""

    def pull_until(until: dt.datetime, *, reload: bool = False, breaks: str = "") -> int | None:
        contract = shop("saas")
        saas = listed_saas(now=until.isoformat(), records=RECORDS, breaks=breaks)
        ingestion = ServiceIngestion(contract, ledger, landing, saas, log=lambda _message: None)
        report = ingestion.pull(contract.table("order"), until=until, connection={}, reload=reload)
        return None if report is None else report.rows

    return pull_until


def test_each_pull_continues_where_the_last_successful_one_ended(
    pull: Pull, ledger: Ledger
) -> None:
    assert pull(FIRST_NOON) == 1
    assert pull(SECOND_NOON) == 2

    [first, second] = ledger.deliveries("shop", "order")
    assert (first.delivery_id, first.status, first.rows, first.landing_date.isoformat()) == (
        "20170501T120000Z-0001", "successful", 1, "2017-05-01"
    )  # fmt: skip
    assert second.prefix == "shop/order/20170502T120000Z-0002/"
    assert second.details["watermark"] == "2017-05-02T12:00:00+00:00"


def test_a_source_whose_clock_stands_still_has_nothing_new(pull: Pull, ledger: Ledger) -> None:
    pull(FIRST_NOON)

    assert pull(FIRST_NOON) is None
    assert len(ledger.deliveries("shop", "order")) == 1


def test_a_reload_asks_for_everything_again(pull: Pull) -> None:
    pull(SECOND_NOON)

    assert pull(SECOND_NOON, reload=True) == 3


@pytest.mark.parametrize(
    ("breaks", "raised"), [("error", SourceUnreachable), ("kill", KeyboardInterrupt)]
)
def test_an_execution_that_broke_off_is_repeated_under_its_own_prefix(
    pull: Pull, ledger: Ledger, breaks: str, raised: type[BaseException]
) -> None:
    with pytest.raises(raised):
        pull(FIRST_NOON, breaks=breaks)

    assert pull(FIRST_NOON) == 1

    assert [(d.delivery_id, d.status) for d in ledger.deliveries("shop", "order")] == [
        ("20170501T120000Z-0001", "failed"),
        ("20170501T120000Z-0002", "successful"),
    ]
