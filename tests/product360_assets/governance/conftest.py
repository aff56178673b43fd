"""A shop whose files are in landing, raw and clean, made clean by the real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import FileFormat, SourceContract
from product360_assets.governance.reconciliation import reconciliation_asset
from product360_assets.raw.acceptance import Acceptance
from resources.jobs import JobRunner
from resources.ledger import LedgerResource
from resources.local import engines
from resources.local.ledger import SqliteLedgerResource
from resources.local.runner import LocalJobRunner
from resources.objects import LakeResource, ObjectStore, Zone

DAYS = (date(2017, 5, 1), date(2017, 5, 2))
FIRST = "order_id,member,total\n1,a,1.10\n2,b,2.20\n3,c,3.30\n"
SECOND = "order_id,member,total\n4,a,-4.40\n5,b,5.50\n"


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    """One engine for all tests; starting it costs seconds."""
    yield LocalJobRunner(home=str(tmp_path_factory.mktemp("home")))
    engines.stop_engine()


def shop_contract(kind: FileFormat = "csv") -> SourceContract:
    return SourceContract.model_validate(
        {
            "name": "shop",
            "kind": "files",
            "description": "A shop.",
            "owners": ["team:shop"],
            "tables": [
                {
                    "name": "order",
                    "description": "Orders.",
                    "format": kind,
                    "key": ["order_id"],
                    "cadence": "daily",
                    "freshness_hours": 24,
                    "columns": [
                        {"name": "order_id", "type": "bigint", "description": "Order."},
                        {"name": "member", "type": "string", "description": "Who ordered."},
                        {"name": "total", "type": "decimal(12,2)", "description": "Euros."},
                    ],
                    "rules": [
                        {
                            "name": "total_is_positive",
                            "expression": "total > 0",
                            "action": "quarantine",
                            "why": "Nothing is free.",
                        }
                    ],
                }
            ],
        }
    )


@dataclass
class Shop:
    """The shop's zones, and the reconciliation asset over them."""

    contract: SourceContract
    lake: LakeResource
    ledger: LedgerResource
    runner: JobRunner
    instance: dg.DagsterInstance

    def deliver(self, files: dict[str, str | bytes]) -> None:
        """Put files into landing by `day/name`, accept them and make them clean."""
        for key, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            self.zone("landing").put(f"shop/order/{key}", data)
        self.accept()
        self.clean()

    def accept(self) -> None:
        [table] = self.contract.tables
        landing, raw = self.zone("landing"), self.zone("raw")
        Acceptance(self.contract, table, self.ledger.open(), landing, raw).accept(DAYS)

    def clean(self) -> None:
        [table] = self.contract.tables
        Cleaning(
            self.contract, table, self.ledger.open(), self.lake, self.runner, lambda _: None
        ).clean(DAYS)

    def zone(self, name: Zone) -> ObjectStore:
        return self.lake.zone(name)

    def keys(self, zone: Zone, ending: str) -> list[str]:
        return [info.key for info in self.zone(zone).list("shop/") if info.key.endswith(ending)]

    def path(self, zone: Zone, key: str) -> Path:
        return Path(self.zone(zone).uri.removeprefix("file://")) / key

    def reconcile(self, *, everything: bool = False) -> Outcome:
        result = dg.materialize(
            [reconciliation_asset([self.contract])],
            instance=self.instance,
            resources={"lake": self.lake, "ledger": self.ledger},
            run_config=dg.RunConfig(
                ops={"governance__reconciliation": {"config": {"everything": everything}}}
            ),
            raise_on_error=False,
        )
        assert not [event for event in result.all_events if event.is_step_failure]
        [event] = result.asset_materializations_for_node("governance__reconciliation")
        checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
        return Outcome({name: value.value for name, value in event.metadata.items()}, checks)


@dataclass
class Outcome:
    """What one reconciliation said."""

    said: dict[str, Any]
    checks: dict[str, dg.AssetCheckEvaluation]

    def named(self, check: str) -> list[str]:
        """The differences that a check names; none if it passed."""
        named: Any = self.checks[check].metadata["named"].value
        assert self.checks[check].passed == (not named)
        return list(named)


@pytest.fixture
def make_shop(tmp_path: Path, runner: JobRunner) -> Iterator[Callable[..., Shop]]:
    """Makes a shop whose orders come in a format."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield lambda kind="csv": Shop(
            shop_contract(kind),
            LakeResource(uri=f"file://{tmp_path}/lake"),
            SqliteLedgerResource(path=str(tmp_path / "ledger.db")),
            runner,
            instance,
        )


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    """Two days of orders, one of which was set aside."""
    shop = make_shop()
    shop.deliver({"2017-05-01/orders.csv": FIRST, "2017-05-02/orders.csv": SECOND})
    return shop
