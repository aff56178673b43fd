"""The whole lineage at smoke scale, run as a newcomer runs it, once for each engine and shared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lineage import REPOSITORY, Lineage


def new_lineage(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Lineage:
    lineage = Lineage(tmp_path_factory.mktemp(f"flow-{engine}") / "home", engine)
    (lineage.home / "dagster").mkdir(parents=True)
    settings = (REPOSITORY / "dagster.yaml").read_text()
    (lineage.home / "dagster" / "dagster.yaml").write_text(settings)
    return lineage


@pytest.fixture(scope="session")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lineage]:
    lineage = new_lineage(tmp_path_factory, "sail")
    lineage.demo()
    yield lineage
    lineage.python("-m", "demo", "down")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lineage]:
    lineage = new_lineage(tmp_path_factory, "spark")
    lineage.demo()
    yield lineage
    lineage.python("-m", "demo", "down")


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lineage]:
    lineage = new_lineage(tmp_path_factory, "sail")
    yield lineage
    lineage.python("-m", "demo", "down")
