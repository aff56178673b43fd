"""How an error of ours reaches Dagster: its parts as metadata, and a retry only where one can help.

Dagster retries a step on any exception that a retry policy covers. A missing secret does not come
back by waiting; the type of our errors says which ones do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from resources.environments import settings
from resources.errors import Product360Error
from resources.storage import refusal_in

# For steps that ask systems that are not ours.
SOURCE_RETRIES = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@contextmanager
def explained_failures() -> Iterator[None]:
    """Turn an error of ours into a Dagster failure that shows its parts.

    Raises:
        dagster.Failure: for every Product360Error, and for what a disk refused, whoever met it;
            retries stay allowed for the retryable ones.
    """
    try:
        yield
    except Product360Error as error:
        raise failure_of(error) from error
    except Exception as error:
        refused = refusal_in(error, settings().home)
        if refused is None:
            raise
        raise failure_of(refused) from error


def failure_of(error: Product360Error) -> dg.Failure:
    """The failure that shows an error of ours."""
    return dg.Failure(
        description=str(error),
        metadata={
            "thing": error.thing,
            "found": error.found,
            "expected": error.expected,
            "next move": error.next_move,
        },
        allow_retries=error.retryable,
    )
