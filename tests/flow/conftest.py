"""The whole lineage at smoke scale, run as a newcomer runs it, once for each engine and shared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lineage import REPOSITORY, Lineage


@contextmanager
def new_lineage(engine: str, scale: str = "smoke") -> Iterator[Lineage]:
    # Not below pytest's own folder: a second session closes that to the user PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="product360-flow-") as folder:
        lineage = Lineage(Path(folder) / "home", engine, scale)
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
        lineage.told.write_text(lineage.demo())
        yield lineage


@pytest.fixture(scope="session")
def spark() -> Iterator[Lineage]:
    with new_lineage("spark") as lineage:
        lineage.demo()
        yield lineage


@pytest.fixture(scope="session")
def full() -> Iterator[Lineage]:
    with new_lineage("sail", "full") as lineage:
        lineage.demo()
        yield lineage


@pytest.fixture(
    scope="session",
    params=[
        "sail",
        pytest.param("full", marks=[pytest.mark.long, pytest.mark.timeout(3_600)]),
    ],
)
def retailer(request: pytest.FixtureRequest) -> Lineage:
    """The lineage on the embedded engine, at smoke scale and, in the long tests, at full scale."""
    lineage: Lineage = request.getfixturevalue(request.param)
    return lineage


@pytest.fixture
def fresh() -> Iterator[Lineage]:
    with new_lineage("sail") as lineage:
        yield lineage
