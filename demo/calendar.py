"""The company's calendar: its business weeks, and the morning on which each one's books are closed.

Weeks run from Monday to Sunday in New York; of 2017, week 1 has one day and week 53 six. What
happened in a week stands in the databases on the Monday after it, at eight in the morning UTC, when
the last till of Sunday has long been counted. When the platform first asks, week 44 is the last
one that is over; the others happen while it looks on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

# Week 1 is Sunday, 1 January 2017; it is closed on the day after.
FIRST_CLOSING: Final = datetime(2017, 1, 2, 8, tzinfo=UTC)
# The last week that is over from the start, and the last one of the year.
OPENING_WEEK: Final = 44
LAST_WEEK: Final = 53


def closing(week: int) -> datetime:
    """The moment, in UTC, at which a week's changes are made: the Monday morning after it.

    Behind the last week, each number is one day more.
    """
    days = max(week - LAST_WEEK, 0)
    return FIRST_CLOSING + timedelta(weeks=min(week, LAST_WEEK) - 1, days=days)


def said(moment: datetime) -> str:
    """A moment of the calendar as the company writes it: `2017-11-06T08:00:00Z`."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
