"""How an error of ours reaches Dagster: its parts as metadata, and a retry only where one can help.

Dagster retries a step on any exception that a retry policy covers. A missing secret does not come
back by waiting; the type of our errors says which ones do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from resources.errors import Product360Error

# For steps that ask systems that are not ours.
SOURCE_RETRIES = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@contextmanager
def explained_failures() -> Iterator[None]:
    """Turn an error of ours into a Dagster failure that shows its parts.

    Raises:
        dagster.Failure: for every Product360Error; retries stay allowed for the retryable ones.
    """
    try:
        yield
    except Product360Error as error:
        raise dg.Failure(
            description=str(error),
            metadata={
                "thing": error.thing,
                "found": error.found,
                "expected": error.expected,
                "next move": error.next_move,
            },
            allow_retries=error.retryable,
        ) from error
