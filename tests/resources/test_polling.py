"""Waiting: at once when it is there, never longer than allowed, and never silently."""

import pytest

from resources.errors import DeadlineExceeded
from resources.polling import wait_until


class Time:
    """A clock that only sleeping moves."""

    def __init__(self, *, oversleep: float = 0.0) -> None:
        self.now = 100.0
        self.naps: list[float] = []
        self.oversleep = oversleep

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds + self.oversleep


def test_an_answer_that_is_there_is_returned_without_waiting() -> None:
    time = Time()
    answer = wait_until(
        lambda: "done", deadline_seconds=0, what="job 7", clock=time.clock, sleep=time.sleep
    )
    assert (answer, time.naps) == ("done", [])


def test_an_empty_answer_is_an_answer() -> None:
    assert wait_until(lambda: 0, deadline_seconds=0, what="job 7") == 0


def test_it_asks_again_until_there_is_an_answer() -> None:
    time, answers = Time(), iter([None, None, "done"])
    answer = wait_until(
        lambda: next(answers),
        deadline_seconds=10,
        what="job 7",
        interval_seconds=3,
        clock=time.clock,
        sleep=time.sleep,
    )
    assert (answer, time.naps) == ("done", [3, 3])


def test_a_deadline_names_the_thing_and_the_time() -> None:
    time = Time()
    with pytest.raises(DeadlineExceeded, match=r"job 7: found no answer after 10\.0 s") as caught:
        wait_until(
            lambda: None,
            deadline_seconds=10,
            what="job 7",
            interval_seconds=4,
            clock=time.clock,
            sleep=time.sleep,
        )
    assert time.naps == [4, 4, 2]
    assert caught.value.retryable


def test_an_answer_that_came_during_a_long_sleep_still_counts() -> None:
    time, answers = Time(oversleep=60), iter([None, "done"])
    answer = wait_until(
        lambda: next(answers),
        deadline_seconds=10,
        what="job 7",
        clock=time.clock,
        sleep=time.sleep,
    )
    assert answer == "done"


def test_what_the_probe_raises_ends_the_wait() -> None:
    def probe() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        wait_until(probe, deadline_seconds=10, what="job 7")
