"""The engine of local jobs: can it start, and does it answer?

It is really started, with a home of its own that goes with it: a version that is right says nothing
of libraries that a machine lacks. The hazard is an engine that is still wanted. A process has one,
so a process in which jobs run must not ask this; the command line does, in a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from resources.doctor import Finding, ok
from resources.errors import EngineUnavailable
from resources.local.engines import EngineName, lease_engine, stop_engine
from resources.local.java import JAVA_VERSION, find_java, iceberg_jar

ROWS = 3
REPAIR = "make install, or choose the other engine with PRODUCT360_ENGINE (sail or spark)"


def look_at_java(engine: EngineName, java_home: str | None) -> Iterator[Finding]:
    """Whether Apache Spark would find its Java and Iceberg's runtime.

    Where the engine is another one, it is no failure that they are not there.

    Raises:
        EngineUnavailable: they are not, and the engine needs them.
    """
    try:
        java, jar = find_java(java_home), iceberg_jar()
    except EngineUnavailable as missing:
        if engine == "spark":
            raise
        yield Finding(
            missing.thing,
            "skipped",
            missing.found,
            missing.expected,
            f"only for the engine spark: {missing.next_move}",
        )
        return
    yield ok("Java", f"Java {JAVA_VERSION} at {java}, with {jar.name}")


def look_at_engine(engine: EngineName) -> Iterator[Finding]:
    """Whether the engine starts and counts a few rows.

    Raises:
        EngineUnavailable: it does not start.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    began = time.monotonic()
    with TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            with lease_engine(engine, home=home):
                session = SparkSession.builder.getOrCreate()
                counted, version = session.range(ROWS).count(), session.version
        except (EngineUnavailable, PySparkException, OSError) as error:
            raise _unavailable(engine, error, _last_words(home)) from error
        finally:
            stop_engine()
    seconds = time.monotonic() - began
    said = f"speaks Spark {version}, counted {counted} rows, {seconds:.0f} s"
    if counted == ROWS:
        yield ok(f"engine {engine}", said)
    else:
        yield Finding(f"engine {engine}", "failed", said, f"{ROWS} rows", REPAIR)


def _unavailable(engine: EngineName, error: Exception, words: str) -> EngineUnavailable:
    """What an engine left unsaid, with the end of its log, as the log goes with its home."""
    said = error.found if isinstance(error, EngineUnavailable) else type(error).__name__
    return EngineUnavailable(
        f"engine {engine}",
        found=f"{said}{f'; its log ends with: {words}' if words else ''}",
        expected=f"an engine that starts and counts {ROWS} rows",
        next_move=REPAIR,
    )


def _last_words(home: Path) -> str:
    """The last line of the engine's log; empty where it has none."""
    lines = [
        line.strip()
        for log in sorted((home / "logs").glob("*.log"))
        for line in log.read_text(errors="replace").splitlines()
    ]
    return next((line for line in reversed(lines) if line), "")
