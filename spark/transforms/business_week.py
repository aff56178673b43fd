"""The business week: from Monday to Sunday, known by its Monday.

Sources count weeks: week 1 of a year is the week that holds 1 January, so it may begin in the year
before. The hazard is the year, which a weekly file does not name: it is read off the delivery, as a
file comes after its week has begun. A file that is delivered again months later is of the same
week.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column


def monday_of(day: Column) -> Column:
    """The Monday of the week that a date lies in."""
    return F.date_sub(day, F.pmod(F.dayofweek(day) + F.lit(5), F.lit(7)))


def week_start(week: Column, delivered: Column) -> Column:
    """The Monday of a numbered week: in the latest year in which it is not after its delivery.

    Args:
        week: number of the week in its year, from 1.
        delivered: date of the delivery that says so; a second delivery may be up to a year late.
    """
    new_year = F.trunc(delivered, "year")
    this, following, before = (
        F.date_add(monday_of(F.add_months(new_year, months)), (week - F.lit(1)) * F.lit(7))
        for months in (0, 12, -12)
    )
    return F.when(following <= delivered, following).when(this <= delivered, this).otherwise(before)
