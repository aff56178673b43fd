"""A session of an embedded engine for tests of code that needs one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from resources.local import engines
from spark.session import open_session


@pytest.fixture(scope="module", params=["sail", pytest.param("spark", marks=pytest.mark.spark)])
def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SparkSession]:
    """The session that a job would get, once on each engine."""
    # One home for all modules: the next one finds the engine still running.
    home = tmp_path_factory.getbasetemp() / f"engine-{request.param}"
    with engines.lease_engine(request.param, home=home):
        yield open_session()
