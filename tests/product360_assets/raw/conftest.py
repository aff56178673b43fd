"""A source that drops files, and the three places that acceptance works between."""

from __future__ import annotations

from pathlib import Path

import pytest

from product360_assets.core.contract import SourceContract
from resources.ledger import Ledger, LedgerResource
from resources.local.ledger import SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource, ObjectStore
from resources.registry import RegistryResource

FILES = {
    "shop/order/2017-05-01/till-1.csv": b"id\n1\n",
    "shop/order/2017-05-01/till-2.csv": b"id\n2\n",
    "shop/order/2017-05-02/till-1.csv": b"id\n3\n",
}


@pytest.fixture
def contract() -> SourceContract:
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
                    "format": "csv",
                    "key": ["id"],
                    "cadence": "daily",
                    "freshness_hours": 24,
                    "columns": [{"name": "id", "type": "bigint", "description": "Order."}],
                }
            ],
        }
    )


@pytest.fixture
def lake(tmp_path: Path) -> LakeResource:
    lake = LakeResource(uri=f"file://{tmp_path}/lake")
    for key, data in FILES.items():
        lake.zone("landing").put(key, data)
    return lake


@pytest.fixture
def landing(lake: LakeResource) -> ObjectStore:
    return lake.zone("landing")


@pytest.fixture
def raw(lake: LakeResource) -> ObjectStore:
    return lake.zone("raw")


@pytest.fixture
def ledger_resource(tmp_path: Path) -> LedgerResource:
    return SqliteLedgerResource(path=str(tmp_path / "ledger.db"))


@pytest.fixture
def registry_resource(tmp_path: Path) -> RegistryResource:
    return SqliteRegistryResource(path=str(tmp_path / "registry.db"))


@pytest.fixture
def ledger(ledger_resource: LedgerResource) -> Ledger:
    return ledger_resource.open()
