"""Counts, sums and quotients that every engine gives alike, and zero where nothing was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column


def count_if(condition: Column) -> Column:
    """How many rows of a group meet a condition; null counts as not met."""
    return F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0)))


def sum_if(condition: Column, amount: Column) -> Column:
    """Sum over a group's rows that meet a condition; null where none does."""
    return F.sum(F.when(condition, amount))


def exact(count: Column) -> Column:
    """A count as a decimal, to be summed: a bigint sum wraps silently on one of the engines."""
    return count.cast("decimal(20,0)")


def or_zero(name: str) -> Column:
    """A column of what was joined, with zero for rows that nothing was joined to."""
    return F.coalesce(F.col(name), F.lit(0)).alias(name)


def ratio(part: Column, whole: Column) -> Column:
    """Quotient of two exact numbers, divided once; null where the whole is zero or null."""
    return F.when(whole != 0, part.cast("double") / whole.cast("double"))
