"""The jobs on Spark 4.1, as Amazon EMR's releases `emr-spark-8.1…` would run them.

Compared with what each test expects, not with the other engine: Sail's client is Spark 3.5's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spark_4
from maven import jars_from_maven

REPOSITORY = Path(__file__).parents[2]
ROOM = REPOSITORY / "tests/spark/jobs"
AGREEING = ROOM / "test_clean_agrees.py"
# The tests of a whole room, in a process of their own.
pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(10_800)]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Python packages: Spark 4.1, and Iceberg's runtime for it."""
    folder = tmp_path_factory.mktemp("spark-4")
    (jar,) = jars_from_maven(folder, [spark_4.ICEBERG])
    packages = folder / "packages"
    (packages / spark_4.JARS).mkdir(parents=True)
    # A package, or the one of Spark 3.5 would go before it.
    (packages / spark_4.JARS).with_name("__init__.py").touch()
    shutil.move(jar, packages / spark_4.JARS)
    uv = Path(sys.executable).with_name("uv")
    wanted = ["--target", str(packages), "--no-deps", f"pyspark=={spark_4.PYSPARK}"]
    installed = subprocess.run([uv, "pip", "install", *wanted], capture_output=True, check=False)
    if installed.returncode:
        pytest.skip(f"pyspark {spark_4.PYSPARK} cannot be installed: {installed.stderr.decode()}")
    return packages


@pytest.fixture(scope="module")
def java_home() -> Path:
    """A whole Java 17: that of the Python packages lacks the vectors that Spark 4 computes with."""
    found = shutil.which("java")
    if found is None:
        pytest.skip("no Java 17 on the path; the one of the Python packages lacks a module")
    listed = subprocess.run([found, "--list-modules"], capture_output=True, text=True, check=False)
    if "jdk.incubator.vector@17" not in listed.stdout:
        pytest.skip(f"{found} is no whole Java 17")
    return Path(found).resolve().parents[1]


def test_jobs_do_on_spark_4_what_their_tests_say(packages: Path, java_home: Path) -> None:
    path = os.pathsep.join([str(packages), str(REPOSITORY)])
    # One story of each kind is enough: some take twenty minutes on a busy machine.
    first = "not 2-spark and not 3-spark and not 4-spark"
    chosen = ["-m", "spark", "-k", first, "--timeout=3600", str(ROOM), f"--ignore={AGREEING}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "spark_4", *chosen],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path, "JAVA_HOME": str(java_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8_000:]
    assert " passed" in done.stdout
