"""Apache Spark as the embedded engine: one JVM in local mode, all of it from Python packages.

It is the reference that Sail is compared with, and it runs what Sail lacks. Hazards: Spark 3.5
works with Java 17 only; a SPARK_HOME of another Spark would be taken silently; settings given at
the start stand in the process list, so the bridge's token is set afterwards.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

from resources.local.bridge import CatalogBridge
from resources.local.engines import Engine
from resources.local.java import find_java, iceberg_jar
from resources.withheld import WITHOUT_VALUES

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 30


class ApacheSparkEngine(Engine):
    """The JVM of one process. It ends with its parent, whose end closes the pipe it reads from."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._session: Any = None

    def start(self, bridge: CatalogBridge) -> None:
        """See `Engine.start`."""
        from resources.environments import export_variables, inherited_variables

        java_home = find_java(inherited_variables().get("JAVA_HOME"))
        settings = start_settings(self._home, iceberg_jar())
        export_variables(
            {
                "JAVA_HOME": str(java_home),
                "PYSPARK_PYTHON": sys.executable,
                "SPARK_HOME": _pyspark_home(),
                # Inherited, they would send the jobs to somebody else's engine.
                "SPARK_REMOTE": None,
                "SPARK_CONNECT_MODE_ENABLED": None,
            }
        )
        from dagster_pyspark import LazyPySparkResource

        self._session = LazyPySparkResource(spark_config=settings).spark_session
        for name, value in catalog_settings(bridge).items():
            self._session.conf.set(name, value)

    def adopt(self) -> None:
        """See `Engine.adopt`; a JVM has one session for all threads."""

    def stop(self) -> None:
        """See `Engine.stop`."""
        if self._session is None:
            return
        session, self._session = self._session, None
        gateway = session.sparkContext._gateway
        if gateway.proc.poll() is None:
            session.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        try:
            gateway.proc.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            gateway.proc.kill()
            gateway.proc.wait()
        _forget_session()

    def how_it_ended(self) -> str | None:
        """See `Engine.how_it_ended`."""
        if self._session is None:
            return None
        status = self._session.sparkContext._gateway.proc.poll()
        return None if status is None else f"exit status {status} of its JVM"


def _forget_session() -> None:
    """Make pyspark start anew: it keeps the JVM for the next session, even one that has died."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None


def start_settings(home: Path, jar: Path) -> dict[str, str]:
    """Settings that must be known before the JVM starts, sized for a laptop."""
    logging = _logging_settings(home)
    return {
        "spark.app.name": "product360",
        "spark.default.parallelism": "2",
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.extraJavaOptions": (
            f"-Duser.timezone=UTC -Dlog4j2.configurationFile={logging}"
        ),
        "spark.driver.host": LOOPBACK,
        "spark.driver.memory": "3g",
        "spark.jars": str(jar),
        "spark.master": "local[2]",
        "spark.sql.extensions": (
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        ),
        "spark.sql.session.timeZone": "UTC",
        # Of what has ended, a page that is off would show the plans of a thousand queries; a stream
        # that goes on would hold them all.
        "spark.sql.ui.retainedExecutions": "10",
        "spark.ui.retainedJobs": "10",
        "spark.ui.retainedStages": "10",
        # Rows are few per task: with the default of 200 the tasks cost more than the work.
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(home / "engine" / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def catalog_settings(bridge: CatalogBridge) -> dict[str, str]:
    """Settings of the catalog `lake`; Spark reads them at the first use of the catalog."""
    lake = "spark.sql.catalog.lake"
    return {
        lake: "org.apache.iceberg.spark.SparkCatalog",
        # With the cache on, Spark does not see what PyIceberg commits.
        f"{lake}.cache-enabled": "false",
        # The token as a plain header: as `token` it would be renewed, exchanged and warned about.
        f"{lake}.header.Authorization": f"Bearer {bridge.token}",
        f"{lake}.rest.auth.type": "none",
        f"{lake}.type": "rest",
        f"{lake}.uri": bridge.uri,
    }


def _logging_settings(home: Path) -> Path:
    """Write a log4j configuration that sends warnings to a file instead of the terminal."""
    # A file of properties takes a backslash for its own.
    what = WITHOUT_VALUES.replace("\\", r"\\")
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "spark-log4j2.properties"
    settings.write_text(
        "\n".join(
            (
                # On a full disk it would print a page for every line that it cannot write.
                "status = off",
                "rootLogger.level = warn",
                "rootLogger.appenderRef.file.ref = file",
                "appender.file.type = File",
                "appender.file.name = file",
                f"appender.file.fileName = {folder / 'spark.log'}",
                "appender.file.layout.type = PatternLayout",
                f"appender.file.layout.pattern = %d %p %c: {what}",
                # Otherwise the exception is written once more, as it is.
                "appender.file.layout.alwaysWriteExceptions = false",
                "",
            )
        )
    )
    return settings


def _pyspark_home() -> str:
    package = importlib.util.find_spec("pyspark")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent)
