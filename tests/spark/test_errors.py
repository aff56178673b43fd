"""The reason of a failure, taken out of what engines really say."""

from __future__ import annotations

import pytest

from spark.errors import LONGEST_REASON, frames_of, harmless_reason_of, reason_of

JAVA = """An error occurred while calling o65.sql.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed 1 times
\tat org.apache.spark.sql.Dataset.collectToPython(Dataset.scala:4146)
\t... 78 more
Caused by: org.apache.spark.SparkRuntimeException: wrapped
\tat java.base/java.lang.Thread.run(Unknown Source)
Caused by: java.io.FileNotFoundException: File /lake/clean/part-0.parquet does not exist
\tat org.apache.hadoop.fs.RawLocalFileSystem.deprecatedGetFileStatus(RawLocalFileSystem.java:779)
"""

PYTHON = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "/lib/worker.py", line 1, in main
    process()
ValueError: bad record 7
"""


class Py4JJavaError(Exception):
    """Named like the error whose message is two hundred lines of Java."""


def test_of_java_s_frames_the_first_sentence_and_the_innermost_cause_remain() -> None:
    assert reason_of(Py4JJavaError(JAVA)) == (
        "Py4JJavaError: org.apache.spark.SparkException: Job aborted due to stage failure: "
        "Task 0 failed 1 times Cause: java.io.FileNotFoundException: "
        "File /lake/clean/part-0.parquet does not exist"
    )


def test_of_a_relayed_python_error_its_last_line_remains() -> None:
    assert reason_of(RuntimeError(PYTHON)).endswith("Cause: ValueError: bad record 7")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("batch"), "KeyError: 'batch'"),
        (ValueError(), "ValueError: "),
        (ValueError("ValueError: said twice"), "ValueError: said twice"),
    ],
)
def test_a_short_error_stays_as_it_is(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_long_reason_is_cut() -> None:
    reason = reason_of(ValueError("x" * 5000))
    assert len(reason) == LONGEST_REASON
    assert reason.endswith("…")


def test_frames_are_those_of_our_own_code() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("x")
    assert "test_frames_are_those_of_our_own_code" in frames_of(raised.value)


def test_of_a_refusal_of_ours_in_a_worker_the_harmless_reason_tells_the_kind() -> None:
    said = "An exception was thrown\nTraceback\nspark.failures.KeyUnanswered: of the key of Ann"
    assert harmless_reason_of(RuntimeError(said)) == "RuntimeError KeyUnanswered"
