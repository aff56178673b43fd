"""Full loads and what the ledger knows of them, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from product360_assets.core.contract import SourceContract, SourceKind
from product360_assets.ingestion.databases import DatabaseIngestion
from resources.errors import ContractInvalid, SourceUnreachable
from resources.ledger import Ledger
from resources.local.replication import LocalReplication
from resources.objects import ObjectStore
from resources.replication import LoadReport, LoadRequest


@pytest.fixture(name="contract")
def database_contract(shop: Callable[[SourceKind], SourceContract]) -> SourceContract:
    return shop("database")


class DyingReplication(LocalReplication):
    """A process that is killed: after the load came to its end, or before it wrote anything."""

    after_the_load: bool

    def full_load(
        self,
        request: LoadRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> LoadReport:
        if self.after_the_load:
            super().full_load(request, connection=connection, landing=landing, log=log)
        raise KeyboardInterrupt


def ingestion(
    contract: SourceContract,
    ledger: Ledger,
    landing: ObjectStore,
    replication: LocalReplication | None = None,
) -> DatabaseIngestion:
    return DatabaseIngestion(
        contract, ledger, landing, replication or LocalReplication(), log=lambda _message: None
    )


def statuses(ledger: Ledger, table: str) -> list[tuple[str, str, int]]:
    return [(d.delivery_id, d.status, d.rows) for d in ledger.deliveries("shop", table)]


def test_a_load_is_recorded_with_its_rows_and_its_day(
    contract: SourceContract, ledger: Ledger, landing: ObjectStore, database: Mapping[str, str]
) -> None:
    ingestion(contract, ledger, landing).load(contract.tables, connection=database, reload=False)

    [orders] = ledger.deliveries("shop", "order")
    assert (orders.status, orders.rows, orders.landing_date) == (
        "successful", 3, date(2017, 5, 1)
    )  # fmt: skip
    assert orders.bytes == sum(info.size for info in landing.list(orders.prefix))
    assert orders.prefix == "shop/20170501T120000Z-0001/shop/orders/"
    assert statuses(ledger, "member") == [("20170501T120000Z-0001", "successful", 1)]


def test_a_loaded_table_is_not_loaded_again(
    contract: SourceContract, ledger: Ledger, landing: ObjectStore, database: Mapping[str, str]
) -> None:
    loader = ingestion(contract, ledger, landing)
    assert loader.load(contract.tables[:1], connection=database, reload=False) is not None

    report = loader.load(contract.tables, connection=database, reload=False)

    assert report is not None
    assert [table.table for table in report.tables] == ["member"]
    assert loader.load(contract.tables, connection=database, reload=False) is None
    # The id counts all loads of the system, because it names one folder for all of its tables.
    assert statuses(ledger, "member") == [("20170501T120000Z-0002", "successful", 1)]


def test_a_reload_opens_a_later_epoch(
    contract: SourceContract, ledger: Ledger, landing: ObjectStore, database: Mapping[str, str]
) -> None:
    loader = ingestion(contract, ledger, landing)
    loader.load(contract.tables, connection=database, reload=False)
    loader.load(contract.tables, connection=database, reload=True)

    ids = [delivery_id for delivery_id, _, _ in statuses(ledger, "order")]
    assert ids == ["20170501T120000Z-0001", "20170501T120000Z-0002"]


def test_a_load_that_ended_unheard_is_recorded_and_not_repeated(
    contract: SourceContract, ledger: Ledger, landing: ObjectStore, database: Mapping[str, str]
) -> None:
    dying = ingestion(contract, ledger, landing, DyingReplication(after_the_load=True))
    with pytest.raises(KeyboardInterrupt):
        dying.load(contract.tables, connection=database, reload=False)
    assert statuses(ledger, "order") == [("20170501T120000Z-0001", "running", 0)]

    assert (
        ingestion(contract, ledger, landing).load(
            contract.tables, connection=database, reload=False
        )
        is None
    )

    assert statuses(ledger, "order") == [("20170501T120000Z-0001", "successful", 3)]
    assert statuses(ledger, "member") == [("20170501T120000Z-0001", "successful", 1)]


def test_a_load_that_never_ended_is_given_up_and_made_anew(
    contract: SourceContract, ledger: Ledger, landing: ObjectStore, database: Mapping[str, str]
) -> None:
    dying = ingestion(contract, ledger, landing, DyingReplication(after_the_load=False))
    with pytest.raises(KeyboardInterrupt):
        dying.load(contract.tables, connection=database, reload=False)

    ingestion(contract, ledger, landing).load(contract.tables, connection=database, reload=False)

    assert statuses(ledger, "order") == [
        ("20170501T120000Z-0001", "failed", 0),
        ("20170501T120000Z-0002", "successful", 3),
    ]


def test_a_load_that_the_source_breaks_off_is_recorded_as_failed(
    contract: SourceContract,
    ledger: Ledger,
    landing: ObjectStore,
    database: Mapping[str, str],
    tmp_path: Any,
) -> None:
    class Clocked(LocalReplication):
        def clock(self, connection: Mapping[str, str]) -> Any:
            return super().clock(database)

    nowhere = {**database, "host": str(tmp_path)}
    with pytest.raises(SourceUnreachable):
        ingestion(contract, ledger, landing, Clocked()).load(
            contract.tables, connection=nowhere, reload=False
        )

    assert statuses(ledger, "order") == [("20170501T120000Z-0001", "failed", 0)]


def test_a_table_without_a_schema_is_refused(
    contract: SourceContract, ledger: Ledger, landing: ObjectStore, database: Mapping[str, str]
) -> None:
    table = contract.tables[0].model_copy(update={"source_name": "orders"})
    with pytest.raises(ContractInvalid, match=r"schema\.table"):
        ingestion(contract, ledger, landing).load([table], connection=database, reload=False)
