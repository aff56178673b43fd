"""Days: of a job's document, of spans, and said so that engines find the files by them.

Engines choose files by literals (Sail by typed ones only), never by a join. So rows of some days
are asked for by the spans that these days are.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyspark.sql import Column

    Span = tuple[date, date]

A_DAY = timedelta(days=1)


def day_of(document: Mapping[str, Any]) -> date:
    """The day as of which a document is."""
    return date.fromisoformat(document["as_of_date"])


def days_in(spans: Iterable[Span], most: int) -> list[date] | None:
    """The days of spans, in order and each once; None if they are more than `most`.

    Args:
        spans: first and last day of each; one that ends before it begins has none.
        most: how many days there may be.
    """
    found: set[date] = set()
    for first, last in spans:
        count = (last - first).days + 1
        # Not even begun with, as it may be thousands of years.
        if count > most:
            return None
        found.update(first + A_DAY * n for n in range(count))
        if len(found) > most:
            return None
    return sorted(found)


def moved(day: date, days: int) -> date:
    """So many days later; the first or the last day that there is where that one is not."""
    number = day.toordinal() + days
    return date.fromordinal(min(max(number, date.min.toordinal()), date.max.toordinal()))


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same days in as few spans as can be, in order."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= moved(found[-1][1], 1):
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def is_within(column: str, spans: Sequence[Span]) -> Column:
    """Whether a date is on a day of any of the spans."""
    each = (F.col(column).between(F.lit(first), F.lit(last)) for first, last in spans)
    return reduce(or_, each, F.lit(False))
