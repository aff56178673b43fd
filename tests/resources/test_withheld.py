"""What an exception quotes is in no log, whether Python or log4j writes it; its class is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from resources.environments import inherited_variables
from resources.local import apache_spark
from resources.local.java import find_java
from resources.withheld import without_values

# What is told of each, all before the message.
QUOTING = {
    "Caused by: java.lang.NumberFormatException: Mrs Smith": (
        "Caused by: java.lang.NumberFormatException: "
    ),
    "[CAST_INVALID_INPUT] The value 'Mrs Smith' cannot be cast": "[CAST_INVALID_INPUT] ",
    "pyarrow.lib.ArrowInvalid: Could not convert 'Mrs Smith'": "pyarrow.lib.ArrowInvalid: ",
    "  decimal.InvalidOperation: Mrs Smith": "  decimal.InvalidOperation: ",
    "ValueError: Mrs Smith": "ValueError: ",
}
HARMLESS = (
    "26/11/28 00:00:00 INFO spark: 3 rows",
    "Lost task 0.0 in stage 1.0 (TID 2): it is tried again",
    '  File "/jobs/spark/jobs/clean.py", line 89, in run',
)


@pytest.mark.parametrize("line", QUOTING)
def test_of_a_line_the_message_of_an_exception_is_withheld(line: str) -> None:
    assert without_values(line) == f"{QUOTING[line]}(message withheld)"
    assert without_values(f"{line}\nand Mrs Smith's address") == without_values(line)


@pytest.mark.parametrize("line", HARMLESS)
def test_a_line_without_an_exception_is_told_as_it_is(line: str) -> None:
    assert without_values(line) == line


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A Java that logs as the local engine's does, and its log."""
    home, jars = tmp_path_factory.mktemp("home"), Path(pyspark.__file__).parent / "jars"
    settings = apache_spark._logging_settings(home)
    port, token = launch_gateway(
        jarpath=str(next(jars.glob("py4j-*.jar"))),
        classpath=os.pathsep.join(map(str, jars.glob("log4j-*.jar"))),
        javaopts=[f"-Dlog4j2.configurationFile={settings}"],
        java_path=str(find_java(inherited_variables().get("JAVA_HOME")) / "bin" / "java"),
        die_on_exit=True,
        enable_auth=True,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token))
    try:
        yield gateway.jvm, home / "logs" / "spark.log"
    finally:
        gateway.shutdown()


@pytest.mark.spark
def test_log4j_withholds_what_python_withholds(java: tuple[Any, Path]) -> None:
    jvm, log = java
    logger = jvm.org.apache.logging.log4j.LogManager.getLogger("engine")
    for line in (*QUOTING, *HARMLESS):
        logger.warn(line)
    told = [line.partition(" WARN engine: ")[2] for line in log.read_text().splitlines() if line]
    assert told == [without_values(line) for line in (*QUOTING, *HARMLESS)]


@pytest.mark.spark
def test_log4j_withholds_what_an_exception_quotes_of_another_and_leaves_its_frames(
    java: tuple[Any, Path],
) -> None:
    jvm, log = java
    before = log.read_text()
    traceback = 'Traceback (most recent call last):\n  File "clean.py", line 8, in run\n'
    said = f"{traceback}decimal.InvalidOperation: Mrs Smith\n"
    worker = jvm.java.lang.IllegalStateException(said)
    outer = jvm.java.lang.RuntimeException("a task with Mrs Smith", worker)
    jvm.org.apache.logging.log4j.LogManager.getLogger("engine").error("Exception in task", outer)
    told = log.read_text().removeprefix(before)
    assert "Smith" not in told
    assert "java.lang.RuntimeException: (message withheld)" in told
    assert "Caused by: java.lang.IllegalStateException: (message withheld)" in told
    assert "decimal.InvalidOperation: (message withheld)" in told
    assert '  File "clean.py", line 8, in run' in told
    assert "\tat " in told
    # A long text of parts is no end of the log.
    jvm.org.apache.logging.log4j.LogManager.getLogger("engine").warn("a." * 100_000)
    assert log.read_text().count("a.") >= 100_000
