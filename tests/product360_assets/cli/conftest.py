"""A home with one published table, as the command finds it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from resources.catalog import LocalCatalogResource
from spark.tables.forecast import WEEKLY_DEMAND


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("PRODUCT360_HOME", str(home))
    monkeypatch.delenv("PRODUCT360_ENV", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that it is restored, whatever it was
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.chdir(tmp_path)
    return home


@pytest.fixture
def home(empty_home: Path) -> Path:
    catalog = LocalCatalogResource(home=str(empty_home))
    catalog.ensure_table(WEEKLY_DEMAND)
    table = catalog.table(WEEKLY_DEMAND.identifier)
    rows = [
        {"item_id": "7", "week_start": date(2017, 12, 18), "demand": 2.0},
        {"item_id": "7", "week_start": date(2017, 12, 25), "demand": 0.5},
    ]
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    return empty_home
