"""A home with a Dagster instance of its own, on disk, as a daemon and a person would share it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    (folder / "dagster").mkdir(parents=True)
    settings = (REPOSITORY / "dagster.yaml").read_text()
    (folder / "dagster" / "dagster.yaml").write_text(settings)
    monkeypatch.setenv("PRODUCT360_HOME", str(folder))
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    monkeypatch.delenv("PRODUCT360_ENV", raising=False)
    return folder


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        yield instance
