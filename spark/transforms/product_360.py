"""Each product as of one day: what every subject says of it, side by side.

Each subject is a module of its own that adds its columns to the products; every product keeps
exactly one row, whether anything is known of it or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from spark.io import union
from spark.tables.curated import PRODUCT_360
from spark.tables.curated.product import PRODUCT_ATTRIBUTES
from spark.transforms.product_360_campaign import with_campaigns
from spark.transforms.product_360_funnel import with_funnel
from spark.transforms.product_360_lifecycle import with_lifecycle
from spark.transforms.product_360_price import with_category_index, with_price
from spark.transforms.product_360_promotion import with_promotion
from spark.transforms.product_360_quality import with_quality
from spark.transforms.product_360_sales import with_sales

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pyspark.sql import DataFrame


_DEPARTMENT = "_department"


class Inputs(NamedTuple):
    """What products are told of: `curated.product`, `sales_line`, `product_week`, `interaction`."""

    products: DataFrame
    lines: DataFrame
    weeks: DataFrame
    interactions: DataFrame


def product_360(
    products: DataFrame,
    lines: DataFrame,
    weeks: DataFrame,
    interactions: DataFrame,
    as_of: date,
    windows: Sequence[int],
) -> DataFrame:
    """Rows of `curated.product_360`: every product, whether it was sold or not.

    Args:
        products: `curated.product`.
        lines: `curated.sales_line`.
        weeks: `curated.product_week`.
        interactions: `curated.interaction`.
        as_of: last business day that counts.
        windows: lengths of the trailing windows, in days.
    """
    told = _told(products, lines, weeks, interactions, as_of, windows, begins=lines)
    return _published(with_category_index(told))


def brought_up_to_date(
    held: DataFrame, touched: DataFrame, inputs: Inputs, as_of: date, windows: Sequence[int]
) -> tuple[DataFrame, DataFrame]:
    """The same rows, of which only those of touched products are made anew.

    A price that changed, or a product in another category, moves the index of all of a category;
    that is taken again from what stands in the rows.

    Args:
        held: `curated.product_360` as of any day.
        touched: distinct ids of the products of which anything else may be told since; few.
        inputs: whole.
        as_of: last business day that counts.
        windows: lengths of the trailing windows, in days.

    Returns:
        The rows of touched products and of their categories, and those of all others, of which
        nothing differs but what follows from the day alone.
    """
    few = F.broadcast(touched)
    products, lines, weeks = (few.join(rows, on="product_id", how="inner") for rows in inputs[:3])
    made = _told(products, lines, weeks, inputs.interactions, as_of, windows, begins=inputs.lines)
    others = _as_of(held.join(few, on="product_id", how="left_anti"), as_of)
    categories = F.broadcast(_categories(few.join(held, on="product_id", how="inner"), products))
    category = [_DEPARTMENT, "product_category"]
    mates = categories.join(_with_department(others), on=category, how="inner")
    apart = _with_department(others).join(categories, on=category, how="left_anti")
    names = [name for name in PRODUCT_360.column_names if name != "category_price_index"]
    again = with_category_index(union([_typed(made, names), _typed(mates, names)]))
    return _published(again), _published(apart)


def _categories(*rows: DataFrame) -> DataFrame:
    """The categories of any of these products; those without one have no index."""
    known = [_with_department(each).where("product_category IS NOT NULL") for each in rows]
    return union([each.select(_DEPARTMENT, "product_category") for each in known]).distinct()


def _with_department(rows: DataFrame) -> DataFrame:
    """Rows with a department that is equal to itself, also where there is none."""
    return rows.withColumn(_DEPARTMENT, F.coalesce("department", F.lit("")))


def _told(
    products: DataFrame,
    lines: DataFrame,
    weeks: DataFrame,
    interactions: DataFrame,
    as_of: date,
    windows: Sequence[int],
    *,
    begins: DataFrame,
) -> DataFrame:
    """What every subject says of these products; `begins` are all lines ever sold, of any."""
    attributes = (column.name for column in PRODUCT_ATTRIBUTES)
    rows = products.select(*attributes, F.lit(as_of).alias("as_of_date"))
    rows = with_price(rows, weeks, as_of)
    rows = with_lifecycle(rows, lines, weeks, as_of)
    rows = with_sales(rows, lines, as_of, windows)
    rows = with_promotion(rows, begins, weeks, as_of)
    rows = with_campaigns(rows, interactions, weeks, as_of)
    rows = with_funnel(rows, weeks, as_of)
    return with_quality(rows, lines, as_of)


def _as_of(held: DataFrame, as_of: date) -> DataFrame:
    """Rows of products that nothing has touched, as of another day."""
    day = F.lit(as_of)
    since = F.datediff(day, "last_sale_date")
    return held.withColumns({"as_of_date": day, "days_since_last_sale": since})


def _published(rows: DataFrame) -> DataFrame:
    return _typed(rows, PRODUCT_360.column_names)


def _typed(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    return rows.select(
        *(F.col(name).cast(PRODUCT_360.column(name).type).alias(name) for name in names)
    )
