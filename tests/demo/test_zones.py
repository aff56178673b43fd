"""The summary of the zones, over a real ledger, catalog and lake that hold very little."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

import pytest

from demo.zones import Holding, holdings
from resources.catalog import CatalogResource
from resources.environments import platform_resources, settings
from resources.ledger import Batch, LedgerResource, ZoneState
from resources.objects import LakeResource
from spark.tables import TABLES


@pytest.fixture
def resources(tmp_path: Path) -> dict[str, object]:
    return platform_resources(settings({"PRODUCT360_HOME": str(tmp_path)}))


def by_name(resources: dict[str, object]) -> dict[tuple[str, str], Holding]:
    return {(held.zone, held.name): held for held in holdings(resources)}


def test_an_empty_home_holds_nothing(resources: dict[str, object]) -> None:
    found = by_name(resources)
    assert found["landing", "all systems"].parts == "0 files, 0 MB"
    assert found["clean", "pos"].rows == 0
    assert not [name for zone, name in found if zone in {"curated", "forecast"}]


def test_every_zone_shows_what_it_holds(resources: dict[str, object]) -> None:
    lake = cast("LakeResource", resources["lake"])
    lake.zone("raw").put("pos/basket/one.parquet", b"1" * 2_000_000)
    lake.zone("raw").put("_manifests/pos/basket/one.json", b"{}")
    cast("CatalogResource", resources["catalog"]).ensure_table(TABLES["curated.product"])
    ledger = cast("LedgerResource", resources["ledger"]).open()
    day = date(2018, 1, 1)
    ledger.open_batch(Batch("one", "pos", "basket", day, kind="load", epoch="0", objects=()))
    state = ZoneState(
        batch_id="one",
        zone="clean",
        rows_in=10,
        rows_out=7,
        rows_quarantined=3,
        location="file:///clean",
        unit="u",
        code_version="c",
        config_version="v",
        snapshot_id=None,
        recorded_at=datetime(2018, 1, 1, tzinfo=UTC),
        details={},
    )
    ledger.record_zone(state, replacing=None)

    found = by_name(resources)
    assert found["raw", "all systems"].parts == "1 file, 2 MB"
    assert found["clean", "pos"] == Holding("clean", "pos", "1 batch", rows=7, quarantined=3)
    assert found["curated", "product"] == Holding("curated", "product", "0 snapshots", 0, 0)
