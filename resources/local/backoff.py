"""How long to wait before a request is made again: as long as the service says, else ever longer.

The hazard is the herd: clients that failed together and wait equally long fail together again. So a
wait that nobody asked for is drawn at random between half and all of its length.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0

_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


def is_passing(status: int) -> bool:
    """Whether an answer of this status may be another one later."""
    return status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def backoff(attempt: int) -> float:
    """Seconds to wait after so many failures before this one: twice as long each time."""
    longest = min(FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 32), LONGEST_WAIT_SECONDS)
    return random.uniform(longest / 2, longest)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or a date; None when it asks nothing.

    A date is counted from the answer's own: the service's clock need not be ours.
    """
    asked = headers.get("Retry-After")
    if asked is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(asked))
    with suppress(ValueError, TypeError):
        now = headers.get("Date")
        start = parsedate_to_datetime(now) if now else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(asked) - start).total_seconds())
    return None
