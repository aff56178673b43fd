"""A shop's files, accepted into raw, and the real engine that makes them clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from resources.jobs import JobRunner
from resources.ledger import Ledger, LedgerResource
from resources.local import engines
from resources.local.ledger import SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.local.runner import LocalJobRunner
from resources.objects import LakeResource
from resources.registry import RegistryResource

DAYS = [date(2017, 5, 1), date(2017, 5, 2)]
Deliver = Callable[[Mapping[str, str]], None]


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    """One engine for all tests; starting it costs seconds."""
    yield LocalJobRunner(home=str(tmp_path_factory.mktemp("home")))
    engines.stop_engine()


@pytest.fixture
def shop() -> Callable[..., SourceContract]:
    """A contract of one table, `order`; keyword arguments replace its attributes."""

    def contract(**changes: Any) -> SourceContract:
        table = {
            "name": "order",
            "description": "Orders.",
            "format": "csv",
            "key": ["order_id"],
            "cadence": "daily",
            "freshness_hours": 24,
            "unique": {"action": "quarantine", "why": "Twice is once too often."},
            "columns": [
                {"name": "order_id", "type": "bigint", "description": "Order."},
                {
                    "name": "member",
                    "source_name": "Member",
                    "type": "string",
                    "nullable": True,
                    "description": "Who ordered.",
                    "sensitivity": "personal",
                },
                {"name": "total", "type": "decimal(12,2)", "description": "Euros."},
            ],
            "rules": [
                {
                    "name": "total_is_usual",
                    "expression": "total < 100",
                    "action": "warn",
                    "why": "Large orders are rare.",
                },
                {
                    "name": "total_is_positive",
                    "expression": "total > 0",
                    "action": "quarantine",
                    "why": "Nothing is free.",
                },
            ],
            **changes,
        }
        return SourceContract.model_validate(
            {
                "name": "shop",
                "kind": "files",
                "description": "A shop.",
                "owners": ["team:shop"],
                "tables": [table],
            }
        )

    return contract


@pytest.fixture
def lake(tmp_path: Path) -> LakeResource:
    return LakeResource(uri=f"file://{tmp_path}/lake")


@pytest.fixture
def ledger_resource(tmp_path: Path) -> LedgerResource:
    return SqliteLedgerResource(path=str(tmp_path / "ledger.db"))


@pytest.fixture
def registry_resource(tmp_path: Path) -> RegistryResource:
    return SqliteRegistryResource(path=str(tmp_path / "registry.db"))


@pytest.fixture
def ledger(ledger_resource: LedgerResource) -> Ledger:
    return ledger_resource.open()


@pytest.fixture
def deliver(shop: Callable[..., SourceContract], lake: LakeResource, ledger: Ledger) -> Deliver:
    """Put files into landing, by `day/name`, and accept them into raw."""

    def accept(files: Mapping[str, str]) -> None:
        for key, text in files.items():
            lake.zone("landing").put(f"shop/order/{key}", text.encode())
        contract = shop()
        Acceptance(
            contract, contract.table("order"), ledger, lake.zone("landing"), lake.zone("raw")
        ).accept(DAYS)

    return accept
