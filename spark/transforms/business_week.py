"""The business week: from Monday to Sunday, known by its Monday."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column


def monday_of(day: Column) -> Column:
    """The Monday of the week that a date lies in."""
    return F.date_sub(day, F.pmod(F.dayofweek(day) + F.lit(5), F.lit(7)))
