"""What a driver prints is told line by line, once, and without what its exceptions quote."""

from __future__ import annotations

import gzip
from pathlib import Path
from threading import Event

import pytest

from resources.emr_logs import MOST_LINES, DriverLogs
from resources.objects import LakeResource, ObjectStore

KEY = "job-logs/run/SPARK_DRIVER/stderr.gz"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{tmp_path}").zone("results")


def write(store: ObjectStore, text: str) -> None:
    """Leave the log as the service does: the whole of it, in place of what was there."""
    store.delete(KEY)
    store.put(KEY, gzip.compress(text.encode()))


def test_what_only_python_takes_for_the_end_of_a_line_ends_no_message(store: ObjectStore) -> None:
    said: list[str] = []
    write(store, "ValueError: before\u2028Mrs Smith\nafter\n")
    DriverLogs(store, "job-logs/", said.append).look()
    assert said == ["stderr: ValueError: (message withheld)", "stderr: after"]


def test_a_line_that_was_still_being_written_is_told_again_as_a_whole(store: ObjectStore) -> None:
    said: list[str] = []
    logs = DriverLogs(store, "job-logs/", said.append)
    for text in ("first\nsec", "first\nsecond\nthird\n", "first\nsecond\nthird\n"):
        write(store, text)
        logs.look()
    assert said == ["stderr: first", "stderr: sec", "stderr: second", "stderr: third"]


@pytest.mark.parametrize(("count", "more"), [(MOST_LINES, 0), (MOST_LINES + 1, 1)])
def test_of_a_long_log_the_beginning_is_told_and_where_the_rest_is_once(
    store: ObjectStore, count: int, more: int
) -> None:
    said: list[str] = []
    logs = DriverLogs(store, "job-logs/", said.append)
    for length in (count, count + 3 * more):
        write(store, "".join(f"line {number}\n" for number in range(length)))
        logs.look()
    assert len(said) == MOST_LINES + more
    assert sum("the rest is in" in line for line in said) == more


def test_a_look_that_fails_is_not_the_last_one(store: ObjectStore) -> None:
    ended, said = Event(), []

    def unwilling(line: str) -> None:
        said.append(line)
        if len(said) == 1:
            raise RuntimeError("a hiccup")
        ended.set()

    write(store, "first\n")
    DriverLogs(store, "job-logs/", unwilling).look_until(ended, 0.01)
    assert said == ["stderr: first", "stderr: first"]
