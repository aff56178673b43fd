"""Properties that every commit of this process carries, set by the job itself.

On a laptop the bridge to the catalog stamps commits. On a cluster nothing stands in between, so
Iceberg is told: what its library keeps of the process is part of the summary of each snapshot that
it makes. Only a driver with a JVM of its own can say so; it is the one place that asks for it, and
no job needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession


def stamp_commits(session: SparkSession, properties: Mapping[str, str]) -> None:
    """Have every later commit of this process carry the properties.

    Raises:
        RuntimeError: this session has no JVM of its own, or one without Iceberg.
    """
    try:
        jvm: Any = session._jvm
        iceberg = jvm.org.apache.iceberg.EnvironmentContext
        for name, value in properties.items():
            iceberg.put(name, value)
    except Exception as error:
        raise RuntimeError(
            "Stamps of commits: found a session without Iceberg in a JVM of its own. Expected "
            "Apache Spark with Iceberg's runtime. Run the job there, or through the bridge."
        ) from error
