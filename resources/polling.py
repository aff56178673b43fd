"""The one way to wait: with a deadline, and with the name of what did not come in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from resources.errors import DeadlineExceeded

T = TypeVar("T")


def wait_until(
    probe: Callable[[], T | None],
    *,
    deadline_seconds: float,
    what: str,
    interval_seconds: float = 0.2,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Ask `probe` until it answers something, and return that.

    The probe is asked at least once, and once more when the deadline is reached, so that a slow
    sleep never hides an answer.

    Args:
        probe: returns None for "not yet"; what it raises ends the wait.
        deadline_seconds: how long to wait at most.
        what: what is waited for, with its id.
        interval_seconds: the pause between two questions.
        clock: seconds that never go back.
        sleep: pauses for some seconds.

    Raises:
        DeadlineExceeded: no answer in time.
    """
    started = clock()
    while True:
        elapsed = clock() - started
        answer = probe()
        if answer is not None:
            return answer
        if elapsed >= deadline_seconds:
            raise DeadlineExceeded(
                what,
                found=f"no answer after {elapsed:.1f} s",
                expected=f"one within {deadline_seconds:g} s",
                next_move="see whether it is still at work, then try again or allow more time",
            )
        sleep(min(interval_seconds, deadline_seconds - elapsed))
