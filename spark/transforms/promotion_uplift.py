"""What promoted weeks sold against the others, with the department's own weeks taken out.

    uplift = (own pieces / department's others, promoted weeks)
           / (own pieces / department's others, weeks without any promotion) - 1

A promotion before Christmas would get the credit for Christmas; its department had Christmas too.
The department's others are all its products but this one. Everything up to the last division is
counted in whole pieces.

The hazard is the week without a row: nothing was sold in it, and it is a week all the same. So the
weeks without a promotion are what is left of the calendar, and their department's pieces what is
left of the department's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from spark.tables.curated import PROMOTION_UPLIFT
from spark.tables.curated.promotion_uplift import ANY, DISPLAY, MAILER
from spark.transforms.business_week import (
    WEEKS_OF_YEAR,
    closed_weeks,
    first_of_closed_weeks,
    last_closed_week,
)
from spark.transforms.counting import count_if, exact, ratio, sum_if
from spark.transforms.product_360_promotion import LEAST_WEEKS, first_weeks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pyspark.sql import Column, DataFrame

# Squares of more pieces a week than this are not trusted to any engine's decimals.
MOST_UNITS = 1_000_000


def promotion_uplift(
    products: DataFrame, lines: DataFrame, weeks: DataFrame, as_of: date
) -> DataFrame:
    """Rows of `curated.promotion_uplift`: every product and kind of promotion of the last year.

    Args:
        products: `curated.product`.
        lines: `curated.sales_line`, which says where the data begins.
        weeks: `curated.product_week`.
        as_of: last business day that counts.
    """
    year = _compared_weeks(products, lines, weeks, as_of)
    promoted = (
        year.where(F.col("is_promoted"))
        .select("*", F.explode(_kinds()).alias("promotion_kind"))
        .where(F.col("promotion_kind").isNotNull())
        .groupBy("product_id", "promotion_kind")
        .agg(*_totals("promoted", F.col("is_compared")))
    )
    others = _others(year, _department_from(year, as_of), as_of)
    compared = promoted.join(others, on="product_id", how="inner")
    return compared.select("*", F.lit(as_of).alias("as_of_date"), *_answers()).select(
        *(F.col(each.name).cast(each.type).alias(each.name) for each in PROMOTION_UPLIFT.columns)
    )


def _compared_weeks(
    products: DataFrame, lines: DataFrame, weeks: DataFrame, as_of: date
) -> DataFrame:
    """The weeks of a year, with what else the department sold, and whether the week counts."""
    known = products.select("product_id", "department", "is_fuel")
    year = closed_weeks(weeks, as_of, WEEKS_OF_YEAR).join(known, on="product_id", how="inner")
    week_of_department = Window.partitionBy("department", "week_start").rowsBetween(
        Window.unboundedPreceding, Window.unboundedFollowing
    )
    sold = F.coalesce(exact(F.col("units")), F.lit(0).cast("decimal(20,0)"))
    whole = year.select("*", sold.alias("sold")).select(
        "*", F.sum("sold").over(week_of_department).alias("department_sold")
    )
    first = first_weeks(lines, weeks, as_of)
    return whole.join(first, on="product_id", how="left").withColumn(
        "is_compared", F.coalesce(F.col("week_start") >= F.col("first_week"), F.lit(False))
    )


def _kinds() -> Column:
    """The kinds of promotion that a promoted week had; null for one that it had not."""
    return F.array(
        F.when(F.col("is_promoted"), ANY),
        F.when(F.col("stores_on_display") > 0, DISPLAY),
        F.when(F.col("stores_in_mailer") > 0, MAILER),
    )


def _totals(kind: str, counts: Column) -> Iterator[Column]:
    """Weeks, pieces, squares of pieces and the department's other pieces, of weeks that count."""
    sold = F.col("sold")
    yield count_if(counts).alias(f"{kind}_weeks")
    yield F.coalesce(sum_if(counts, sold), F.lit(0)).alias(f"{kind}_units")
    yield sum_if(counts, _square()).alias(f"{kind}_squares")
    rest = F.col("department_sold") - sold
    yield F.coalesce(sum_if(counts, rest), F.lit(0)).alias(f"department_{kind}_units")


def _square() -> Column:
    trusted = F.when(F.abs("sold") <= MOST_UNITS, F.col("sold")).cast("decimal(15,0)")
    return trusted * trusted


def _department_from(year: DataFrame, as_of: date) -> DataFrame:
    """Pieces of each department from each week of the year on, the weeks without a sale too."""
    first, last = first_of_closed_weeks(as_of, WEEKS_OF_YEAR), last_closed_week(as_of)
    mondays = F.explode(F.sequence(F.lit(first), F.lit(last), F.expr("INTERVAL 7 DAYS")))
    calendar = year.select("department").distinct().select("department", mondays.alias("monday"))
    sold = year.groupBy("department", F.col("week_start").alias("monday")).agg(
        F.sum("sold").alias("sold")
    )
    onwards = (
        Window.partitionBy("department")
        .orderBy("monday")
        .rowsBetween(Window.currentRow, Window.unboundedFollowing)
    )
    return calendar.join(sold, on=["department", "monday"], how="left").select(
        "department",
        F.col("monday").alias("first_week"),
        F.sum(F.coalesce(F.col("sold"), F.lit(0))).over(onwards).alias("department_from"),
    )


def _others(year: DataFrame, department: DataFrame, as_of: date) -> DataFrame:
    """Of each product: weeks without any promotion, and what it and its department sold then."""
    is_other = F.col("is_compared") & ~F.col("is_promoted")
    is_promoted = F.col("is_compared") & F.col("is_promoted")
    product = year.groupBy("product_id", "department", "is_fuel", "first_week").agg(
        count_if(is_promoted).alias("weeks_of_any"),
        F.coalesce(sum_if(is_promoted, F.col("department_sold")), F.lit(0)).alias("sold_in_any"),
        F.coalesce(sum_if(is_other, F.col("sold")), F.lit(0)).alias("other_units"),
        sum_if(is_other, _square()).alias("other_squares"),
    )
    weeks = F.floor(F.datediff(F.lit(last_closed_week(as_of)), "first_week") / F.lit(7)) + 1
    others = F.greatest(F.coalesce(weeks, F.lit(0)) - F.col("weeks_of_any"), F.lit(0))
    rest = F.coalesce(F.col("department_from"), F.lit(0)) - F.col("sold_in_any")
    return product.join(department, on=["department", "first_week"], how="left").select(
        "product_id",
        "is_fuel",
        F.col("first_week").isNotNull().alias("is_sold"),
        others.alias("other_weeks"),
        "other_units",
        "other_squares",
        (rest - F.col("other_units")).alias("department_other_units"),
    )


def _answers() -> Iterator[Column]:
    """The status, and the numbers that it allows."""
    own, other, own_weeks, other_weeks, theirs, theirs_then = (
        F.col(name).cast("double")
        for name in (
            *("promoted_units", "other_units", "promoted_weeks", "other_weeks"),
            *("department_other_units", "department_promoted_units"),
        )
    )
    estimated = _status() == "estimated"
    expected = ratio(theirs_then * other, theirs)
    adjusted = ratio(own * theirs, theirs_then * other) - F.lit(1.0)
    unadjusted = ratio(own * other_weeks, other * own_weeks) - F.lit(1.0)
    error = F.sqrt(_relative_variance("promoted") + _relative_variance("other"))
    yield _status().alias("status")
    yield F.when(estimated, adjusted).alias("uplift")
    yield F.when(estimated, unadjusted).alias("uplift_unadjusted")
    yield F.when(estimated, expected).alias("expected_units")
    yield F.when(estimated, error).alias("standard_error")


def _status() -> Column:
    others, then = F.col("department_other_units"), F.col("department_promoted_units")
    return (
        F.when(F.col("is_fuel"), "sold_by_volume")
        .when(~F.col("is_sold"), "never_sold")
        .when(F.col("promoted_weeks") < LEAST_WEEKS, "too_few_promoted_weeks")
        .when(F.col("other_weeks") < LEAST_WEEKS, "too_few_other_weeks")
        .when(F.col("other_units") <= 0, "not_sold_otherwise")
        .when((others <= 0) | (then <= 0), "no_comparison")
        .otherwise("estimated")
    )


def _relative_variance(kind: str) -> Column:
    """Variance of the mean of n weeks over its square: (n·Σu² - (Σu)²) / ((n - 1)·(Σu)²)."""
    weeks, units, squares = (
        F.col(f"{kind}_{name}").cast("double") for name in ("weeks", "units", "squares")
    )
    spread = F.greatest(weeks * squares - units * units, F.lit(0.0))
    return ratio(spread, (weeks - F.lit(1.0)) * units * units)
