"""Properties that every commit of this process carries, set by the job itself.

On a laptop the bridge to the catalog stamps commits. On a cluster nothing stands in between, so
Iceberg is told: what its library keeps of the process is part of the summary of each snapshot that
it makes. Only a driver with a JVM of its own can say so; it is the one place that asks for it, and
no job needs to know.

A stream works for many commits, one after the other, so what is said ends with each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

# Iceberg's setting: where the commits to a table land that takes branches.
BRANCH = "spark.wap.branch"


def stamp_commits(session: SparkSession, properties: Mapping[str, str]) -> None:
    """Have every later commit of this process carry the properties.

    Raises:
        RuntimeError: this session has no JVM of its own, or one without Iceberg.
    """
    with _iceberg(session) as iceberg:
        for name, value in properties.items():
            iceberg.put(name, value)


@contextmanager
def commits_of(
    session: SparkSession, properties: Mapping[str, str], branch: str | None
) -> Iterator[None]:
    """Have the commits of the block carry the properties, and those that are audited land there.

    A block that fails ends its process, and so what was said.

    Args:
        session: in which the block commits.
        properties: what each of its commits says.
        branch: of the tables that take branches; None for no branch.

    Raises:
        RuntimeError: this session has no JVM of its own, or one without Iceberg.
    """
    stamp_commits(session, properties)
    if branch is not None:
        session.conf.set(BRANCH, branch)
    yield
    session.conf.unset(BRANCH)
    with _iceberg(session) as iceberg:
        for name in properties:
            iceberg.remove(name)


@contextmanager
def _iceberg(session: SparkSession) -> Iterator[Any]:
    """What Iceberg's library keeps of the process; all that fails in the block is its absence."""
    try:
        jvm: Any = session._jvm
        yield jvm.org.apache.iceberg.EnvironmentContext
    except Exception as error:
        raise RuntimeError(
            "Stamps of commits: found a session without Iceberg in a JVM of its own. Expected "
            "Apache Spark with Iceberg's runtime. Run the job there, or through the bridge."
        ) from error
