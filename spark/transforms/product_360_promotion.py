"""How often and how deeply each product was promoted, and what it sold in those weeks.

The hazard is the week without a sale: it has no row, and leaving it out would make every week look
like a good one. From a product's first week on, a week without a row is a week of zero pieces and
no promotion. The uplift compares weeks as they came; a promotion before Christmas gets the credit
for Christmas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.business_week import (
    WEEKS_OF_QUARTER,
    WEEKS_OF_YEAR,
    closed_weeks,
    first_of_closed_weeks,
    first_whole_week,
    last_closed_week,
)
from spark.transforms.counting import count_if, exact, or_zero, ratio, sum_if

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pyspark.sql import Column, DataFrame

# Fewer weeks of one kind say nothing about that kind.
LEAST_WEEKS = 4
COUNTS = ("promotion_weeks_364d", "display_weeks_364d", "mailer_weeks_364d")
_HELPERS = (
    "shelf_value",
    "revenue",
    "first_week",
    "promoted_weeks",
    "promoted_units",
    "other_units",
)


def with_promotion(rows: DataFrame, lines: DataFrame, weeks: DataFrame, as_of: date) -> DataFrame:
    """Products with discount depth, weeks of promotion, and uplift.

    Args:
        rows: products.
        lines: `curated.sales_line`, which says where the data begins.
        weeks: `curated.product_week`.
        as_of: last business day that counts.
    """
    year = closed_weeks(weeks, as_of, WEEKS_OF_YEAR)
    promoted = (
        year.join(first_weeks(lines, weeks, as_of), on="product_id", how="left")
        .groupBy("product_id")
        .agg(*_totals(as_of))
    )
    full = F.col("shelf_value")
    told = {
        "discount_depth_91d": ratio(full - F.col("revenue"), full),
        **{name: or_zero(name) for name in COUNTS},
        "promotion_uplift": _uplift(as_of),
    }
    return rows.join(promoted, on="product_id", how="left").withColumns(told).drop(*_HELPERS)


def first_weeks(lines: DataFrame, weeks: DataFrame, as_of: date) -> DataFrame:
    """From which week on each product is compared: it is on sale, and the week is whole."""
    begin = lines.agg(first_whole_week(F.min("business_date")).alias("data_begins"))
    year_began = F.lit(first_of_closed_weeks(as_of, WEEKS_OF_YEAR))
    first_sales = (
        weeks.where(F.col("baskets") > 0)
        .groupBy("product_id")
        .agg(F.min("week_start").alias("first_sold"))
    )
    return first_sales.crossJoin(begin).select(
        "product_id", F.greatest("first_sold", "data_begins", year_began).alias("first_week")
    )


def _totals(as_of: date) -> Iterator[Column]:
    week, promoted = F.col("week_start"), F.col("is_promoted")
    in_the_quarter = week >= F.lit(first_of_closed_weeks(as_of, WEEKS_OF_QUARTER))
    compared = week >= F.col("first_week")
    units = exact(F.col("units"))
    yield sum_if(in_the_quarter, F.col("shelf_value")).alias("shelf_value")
    yield sum_if(in_the_quarter, F.col("revenue")).alias("revenue")
    yield count_if(promoted).alias("promotion_weeks_364d")
    yield count_if(F.col("stores_on_display") > 0).alias("display_weeks_364d")
    yield count_if(F.col("stores_in_mailer") > 0).alias("mailer_weeks_364d")
    yield F.max("first_week").alias("first_week")
    yield count_if(compared & promoted).alias("promoted_weeks")
    yield sum_if(compared & promoted, units).alias("promoted_units")
    yield sum_if(compared & ~promoted, units).alias("other_units")


def _uplift(as_of: date) -> Column:
    compared = F.floor(F.datediff(F.lit(last_closed_week(as_of)), "first_week") / F.lit(7)) + 1
    promoted = F.col("promoted_weeks")
    others = compared - promoted
    usual = ratio(F.col("other_units"), others)
    uplift = ratio(F.col("promoted_units"), promoted) / usual - F.lit(1.0)
    enough = (promoted >= LEAST_WEEKS) & (others >= LEAST_WEEKS)
    return F.when(enough & (F.col("other_units") > 0), uplift)
