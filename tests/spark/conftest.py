"""A session of an embedded engine for tests of code that needs one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from resources.local import engines
from spark.session import open_session


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session that a job would get; tests/resources/test_runner.py has both engines."""
    # One home for all modules: the next one finds the engine still running.
    with engines.lease_engine("sail", home=tmp_path_factory.getbasetemp() / "engine"):
        yield open_session()


@pytest.fixture(scope="module", params=["sail", pytest.param("spark", marks=pytest.mark.spark)])
def every_session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SparkSession]:
    """The session of each engine in turn: for code whose numbers must not depend on it."""
    with engines.lease_engine(request.param, home=tmp_path_factory.getbasetemp() / "engine"):
        yield open_session()
