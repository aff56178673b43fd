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

KINDS = (ANY, DISPLAY, MAILER)
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
    known = products.select("product_id", "is_fuel", _department().alias("department"))
    by_week = _by_week_of_department(_sold(known, weeks, as_of))
    compared = first_weeks(lines, weeks, as_of).join(known, on="product_id", how="right")
    year = F.broadcast(by_week).join(
        _sold(compared, weeks, as_of), on=["department", "week_start"], how="inner"
    )
    # One pass over the weeks with sums of each kind; a row for each kind is made of the sums.
    totals = year.groupBy("product_id", "first_week").agg(*_totals())
    product = known.join(totals, on="product_id", how="inner")
    others = _others(product, _department_from(known, by_week, as_of), as_of)
    answered = _by_kind(others).select("*", F.lit(as_of).alias("as_of_date"), *_answers())
    return answered.select(
        *(F.col(each.name).cast(each.type).alias(each.name) for each in PROMOTION_UPLIFT.columns)
    )


def _department() -> Column:
    """The department's name behind a mark; without one nothing, as no null meets another."""
    return F.coalesce(F.concat(F.lit("="), "department"), F.lit(""))


def _sold(known: DataFrame, weeks: DataFrame, as_of: date) -> DataFrame:
    """The weeks of a year, with what is known of their products, and pieces as `sold`."""
    sold = F.coalesce(exact(F.col("units")), F.lit(0).cast("decimal(20,0)"))
    return known.join(
        closed_weeks(weeks, as_of, WEEKS_OF_YEAR), on="product_id", how="inner"
    ).select("*", sold.alias("sold"))


def _by_week_of_department(sold: DataFrame) -> DataFrame:
    """What each department sold in each week: few rows, so joined and not asked by a window.

    A window would sort all the rows.
    """
    return sold.groupBy("department", "week_start").agg(F.sum("sold").alias("department_sold"))


def _totals() -> Iterator[Column]:
    """Of weeks that count, by kind and for those without any promotion, what was sold in them."""
    is_promoted = F.col("is_promoted")
    conditions = {
        ANY: is_promoted,
        DISPLAY: is_promoted & (F.col("stores_on_display") > 0),
        MAILER: is_promoted & (F.col("stores_in_mailer") > 0),
    }
    is_compared = F.coalesce(F.col("week_start") >= F.col("first_week"), F.lit(False))
    for kind, condition in conditions.items():
        yield count_if(condition).alias(f"{kind}_held")
        counts = condition & is_compared
        yield count_if(counts).alias(f"{kind}_weeks")
        yield from _sold_in(kind, counts)
        rest = sum_if(counts, F.col("department_sold") - F.col("sold"))
        yield F.coalesce(rest, F.lit(0)).alias(f"{kind}_department_units")
    yield from _sold_in("other", is_compared & ~is_promoted)


def _sold_in(kind: str, counts: Column) -> Iterator[Column]:
    """Pieces and squares of pieces, of weeks that count."""
    yield F.coalesce(sum_if(counts, F.col("sold")), F.lit(0)).alias(f"{kind}_units")
    yield sum_if(counts, _square()).alias(f"{kind}_squares")


def _square() -> Column:
    trusted = F.when(F.abs("sold") <= MOST_UNITS, F.col("sold")).cast("decimal(15,0)")
    return trusted * trusted


def _department_from(known: DataFrame, by_week: DataFrame, as_of: date) -> DataFrame:
    """Pieces of each department from each week of the year on, the weeks without a sale too."""
    first, last = first_of_closed_weeks(as_of, WEEKS_OF_YEAR), last_closed_week(as_of)
    mondays = F.explode(F.sequence(F.lit(first), F.lit(last), F.expr("INTERVAL 7 DAYS")))
    departments = known.where(F.col("department") != "").select("department").distinct()
    calendar = departments.select("department", mondays.alias("week_start"))
    onwards = (
        Window.partitionBy("department")
        .orderBy("week_start")
        .rowsBetween(Window.currentRow, Window.unboundedFollowing)
    )
    return calendar.join(by_week, on=["department", "week_start"], how="left").select(
        "department",
        F.col("week_start").alias("first_week"),
        F.sum(F.coalesce(F.col("department_sold"), F.lit(0)))
        .over(onwards)
        .alias("department_from"),
    )


def _others(totals: DataFrame, department: DataFrame, as_of: date) -> DataFrame:
    """Totals with the weeks without any promotion, and what the department's others sold then."""
    weeks = F.floor(F.datediff(F.lit(last_closed_week(as_of)), "first_week") / F.lit(7)) + 1
    others = F.greatest(F.coalesce(weeks, F.lit(0)) - F.col(f"{ANY}_weeks"), F.lit(0))
    sold_in_any = F.col(f"{ANY}_units") + F.col(f"{ANY}_department_units")
    rest = F.coalesce(F.col("department_from"), F.lit(0)) - sold_in_any
    joined = F.broadcast(department).join(totals, on=["department", "first_week"], how="right")
    return joined.select(
        "*",
        F.col("first_week").isNotNull().alias("is_sold"),
        others.alias("other_weeks"),
        (rest - F.col("other_units")).alias("department_other_units"),
    )


def _by_kind(totals: DataFrame) -> DataFrame:
    """A row for each kind of promotion that a product had, with the sums of that kind."""
    kind = F.col("promotion_kind")
    names = {
        "weeks": "promoted_weeks",
        "units": "promoted_units",
        "squares": "promoted_squares",
        "department_units": "department_promoted_units",
    }
    of_its_kind = (
        F.coalesce(*(F.when(kind == each, F.col(f"{each}_{name}")) for each in KINDS)).alias(alias)
        for name, alias in names.items()
    )
    held = F.array(*(F.when(F.col(f"{each}_held") > 0, each) for each in KINDS))
    rows = totals.select("*", F.explode(held).alias("promotion_kind")).where(kind.isNotNull())
    return rows.select("*", *of_its_kind)


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
