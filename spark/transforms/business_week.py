"""The business week: from Monday to Sunday, known by its Monday.

Sources count weeks: week 1 of a year is the week that holds 1 January, so it may begin in the year
before. The hazard is the year, which a weekly file does not name: it is read off the delivery, as a
file comes after its week has begun. A file that is delivered again months later is of the same
week. A week is closed when its Sunday is over.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

WEEKS_OF_QUARTER, WEEKS_OF_YEAR = 13, 52


def monday_of(day: Column) -> Column:
    """The Monday of the week that a date lies in."""
    return F.date_sub(day, F.pmod(F.dayofweek(day) + F.lit(5), F.lit(7)))


def first_whole_week(first_day: Column) -> Column:
    """The Monday of the first week that a history which begins on a date holds whole."""
    return F.date_add(monday_of(F.date_sub(first_day, 1)), 7)


def number_of_week(monday: Column) -> Column:
    """Number in its year, from 1, of the week that begins on a Monday; int."""
    # The Sunday says which year it is: 1 January is in no earlier week.
    first = monday_of(_new_year(F.date_add(monday, 6)))
    return (F.datediff(monday, first) / F.lit(7)).cast("int") + F.lit(1)


def last_closed_week(as_of: date) -> date:
    """The Monday of the last week that is over at the end of a day."""
    return as_of - timedelta(days=(as_of.weekday() + 1) % 7 + 6)


def closed_weeks(weeks: DataFrame, as_of: date, count: int) -> DataFrame:
    """The rows of the last `count` weeks that are over at the end of a day."""
    return weeks.where(F.col("week_start") >= F.lit(first_of_closed_weeks(as_of, count)))


def first_of_closed_weeks(as_of: date, count: int) -> date:
    """The Monday of the first of the last `count` weeks that are over at the end of a day."""
    return last_closed_week(as_of) - timedelta(weeks=count - 1)


def week_start(week: Column, delivered: Column) -> Column:
    """The Monday of a numbered week: in the latest year in which it is not after its delivery.

    Args:
        week: number of the week in its year, from 1.
        delivered: date of the delivery that says so; a second delivery may be up to a year late.
    """
    new_year = _new_year(delivered)
    this, following, before = (
        F.date_add(monday_of(F.add_months(new_year, months)), (week - F.lit(1)) * F.lit(7))
        for months in (0, 12, -12)
    )
    return F.when(following <= delivered, following).when(this <= delivered, this).otherwise(before)


def _new_year(day: Column) -> Column:
    """1 January of a date's year; `trunc` would fail on Sail for dates before 1677."""
    return F.make_date(F.year(day), F.lit(1), F.lit(1))
