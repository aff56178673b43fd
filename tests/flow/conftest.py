"""The whole lineage at smoke scale, run as a newcomer runs it, once for each engine and shared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lineage import REPOSITORY, Lineage


@contextmanager
def new_lineage(engine: str) -> Iterator[Lineage]:
    # Not below pytest's own folder: a second session closes that to the user PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="product360-flow-") as folder:
        lineage = Lineage(Path(folder) / "home", engine)
        (lineage.home / "dagster").mkdir(parents=True)
        settings = (REPOSITORY / "dagster.yaml").read_text()
        (lineage.home / "dagster" / "dagster.yaml").write_text(settings)
        try:
            yield lineage
        finally:
            lineage.python("-m", "demo", "down")


@pytest.fixture(scope="session")
def sail() -> Iterator[Lineage]:
    with new_lineage("sail") as lineage:
        lineage.demo()
        yield lineage


@pytest.fixture(scope="session")
def spark() -> Iterator[Lineage]:
    with new_lineage("spark") as lineage:
        lineage.demo()
        yield lineage


@pytest.fixture
def fresh() -> Iterator[Lineage]:
    with new_lineage("sail") as lineage:
        yield lineage
