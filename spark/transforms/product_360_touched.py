"""Which products a new day touches, or rows that changed: all others keep what is said of them.

A day that passes moves both ends of every window, so it touches the products of the days and weeks
that enter one or leave one, and of the campaigns that begin or end to count. What follows from the
day alone (`as_of_date`, the days since the last sale) is no reason to make a row anew.

The hazard is a number with a reach that is not told of here: it would stand still. The test of
`product_360` compares days of random changes with the table made whole, column by column.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.io import union
from spark.tables.curated.interaction import OFFER, TARGET
from spark.transforms.business_week import (
    WEEKS_OF_QUARTER,
    WEEKS_OF_YEAR,
    first_of_closed_weeks,
    last_closed_week,
)
from spark.transforms.product_360_campaign import YEAR_DAYS
from spark.transforms.product_360_lifecycle import QUARTER_DAYS
from spark.transforms.product_360_promotion import LEAST_WEEKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame


def touched_by_the_day(
    held: DataFrame,
    lines: DataFrame,
    weeks: DataFrame,
    interactions: DataFrame,
    days: tuple[date, date],
    windows: Sequence[int],
) -> list[DataFrame]:
    """Ids of products, in frames of one column, of which another day tells something else.

    Args:
        held: `curated.product_360` as of the first of the days.
        lines: `curated.sales_line`.
        weeks: `curated.product_week`.
        interactions: `curated.interaction`.
        days: as of which day the table is, and is to be; in either order.
        windows: lengths of the trailing windows, in days.
    """
    first, last = sorted(days)
    if first == last:
        return []
    # Days enter at the end of each window, and leave it so many days later.
    lengths = sorted({0, *windows, QUARTER_DAYS, 2 * QUARTER_DAYS})
    found = [_ids(lines.where(_between("business_date", first, last, days=n))) for n in lengths]
    found.append(_offered(interactions, first, last))
    if last_closed_week(first) != last_closed_week(last):
        found += [
            _ids(weeks.where(_left(first, last, n))) for n in (WEEKS_OF_QUARTER, WEEKS_OF_YEAR)
        ]
        # The weeks without a promotion, to which the others are compared, have changed.
        found.append(_ids(held.where(F.col("promotion_weeks_364d") >= LEAST_WEEKS)))
    return found


def touched_by_contacts(changed: DataFrame, interactions: DataFrame) -> DataFrame:
    """Ids of products whose offers changed, or who got the campaigns that offer them.

    Args:
        changed: rows of `curated.interaction` that are new or gone.
        interactions: `curated.interaction`.
    """
    kind = F.col("interaction_type")
    sent = changed.where(kind == TARGET).select("campaign_id").distinct()
    offers = interactions.where(kind == OFFER)
    reached = F.broadcast(sent).join(offers, on="campaign_id", how="inner")
    return union([_ids(changed.where(kind == OFFER)), _ids(reached)])


def _between(column: str, first: date, last: date, *, days: int) -> Column:
    """Whether a date is after the first of two days and not after the last, so many days before."""
    day, back = F.col(column), timedelta(days=days)
    return (day > F.lit(first - back)) & (day <= F.lit(last - back))


def _left(first: date, last: date, count: int) -> Column:
    """Whether a week is among the last so many closed ones as of one of two days only."""
    week = F.col("week_start")
    earliest, latest = (first_of_closed_weeks(day, count) for day in (first, last))
    return (week >= F.lit(earliest)) & (week < F.lit(latest))


def _offered(interactions: DataFrame, first: date, last: date) -> DataFrame:
    """Products of the campaigns that count as of one of two days only."""
    offers = interactions.where(F.col("interaction_type") == OFFER)
    begun = _between("campaign_start_date", first, last, days=0)
    ended = _between("campaign_end_date", first, last, days=YEAR_DAYS)
    return _ids(offers.where(begun | ended))


def _ids(rows: DataFrame) -> DataFrame:
    return rows.select(F.greatest("product_id", "product_id").alias("product_id"))
