"""How demand for each product answered to its price, where its weeks can tell.

The method stands in `price_response`; here it gets its weeks, and a product that it cannot judge
gets the reason. The price is the loyalty card's, as nearly every household of the panel has one.

The hazard is a price that never changed: a regression gives it an elasticity all the same, out of
the noise of its weeks. So a product whose price hardly varied is refused, and so is what lies
outside the prices that were seen.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.tables.curated import PRICE_ELASTICITY
from spark.transforms.business_week import WEEKS_OF_YEAR, closed_weeks
from spark.transforms.counting import count_if, ratio
from spark.transforms.price_response import (
    LEAST_VARIATION,
    LEAST_WEEKS,
    Response,
    Weeks,
    responses,
)

if TYPE_CHECKING:
    from datetime import date

    import pyarrow
    from pyspark.sql import Column, DataFrame

RESPONSE = (
    "product_id bigint, price_variation double, own_elasticity double, own_standard_error double, "
    "category_elasticity double, category_products bigint, drawn double, standard_error double, "
    "pooled_elasticity double, display_effect double, mailer_effect double"
)

# What an answer says, in the order of `RESPONSE`; without one, each is null.
ANSWERED = ("own", "own_error", "category", "peers", "shrunk", "error")
# The numbers of a week, and what kind of array holds them.
NUMBERS = {
    **dict.fromkeys(("product", "week"), "q"),
    **dict.fromkeys(("units", "price", "display", "mailer"), "d"),
}


def price_elasticity(products: DataFrame, weeks: DataFrame, as_of: date) -> DataFrame:
    """Rows of `curated.price_elasticity`: every product sold in the last 52 closed weeks.

    Args:
        products: `curated.product`.
        weeks: `curated.product_week`.
        as_of: last business day that counts.
    """
    known = products.select("product_id", "department", "product_category", "is_fuel")
    year = _promoted_shares(closed_weeks(weeks, as_of, WEEKS_OF_YEAR))
    sold = year.where(F.col("baskets") > 0).join(known, on="product_id", how="inner")
    measured = sold.where(_is_measured())
    facts = sold.groupBy("product_id", "is_fuel").agg(
        count_if(_is_measured()).alias("selling_weeks"),
        F.min(F.when(_is_measured(), F.col("loyalty_price"))).alias("lowest_price"),
        F.max(F.when(_is_measured(), F.col("loyalty_price"))).alias("highest_price"),
    )
    judged = facts.join(_responses(measured), on="product_id", how="left")
    return judged.select(
        "*",
        F.lit(as_of).alias("as_of_date"),
        _status().alias("status"),
        F.when(F.col("drawn") > 0, F.lit(0.0)).otherwise(F.col("drawn")).alias("elasticity"),
        (F.col("drawn") > 0).alias("is_clamped"),
    ).select(
        *(F.col(each.name).cast(each.type).alias(each.name) for each in PRICE_ELASTICITY.columns)
    )


def _promoted_shares(year: DataFrame) -> DataFrame:
    """The weeks with the share of promoting stores that displayed or mailed each product."""
    # Joined and not by a window, which would sort the year's rows for one number of each week.
    most = year.groupBy("week_start").agg(F.max("stores_promoted").alias("promoting"))
    return (
        F.broadcast(most)
        .join(year, on="week_start", how="inner")
        .select(
            "*",
            _share("stores_on_display").alias("display"),
            _share("stores_in_mailer").alias("mailer"),
        )
    )


def _share(stores: str) -> Column:
    return F.coalesce(ratio(F.col(stores), F.col("promoting")), F.lit(0.0))


def _is_measured() -> Column:
    """Whether a week tells of pieces and price; logarithms know nothing below or at zero."""
    measured = ~F.col("is_fuel") & (F.col("units") > 0) & (F.col("loyalty_price") > 0)
    return F.coalesce(measured, F.lit(False))


def _responses(measured: DataFrame) -> DataFrame:
    """What `price_response` finds, by product; all weeks come to one process."""
    category = F.concat_ws("/", "department", F.coalesce("product_category", F.lit("")))
    rows = measured.select(
        F.col("product_id").alias("product"),
        category.alias("category"),
        F.datediff("week_start", F.lit("1970-01-01").cast("date")).cast("bigint").alias("week"),
        F.col("units").cast("double").alias("units"),
        F.col("loyalty_price").cast("double").alias("price"),
        "display",
        "mailer",
    )
    return rows.repartition(1).mapInArrow(answered, RESPONSE)


def answered(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """Rows of `RESPONSE`, of weeks as the engine hands them over, in whatever order."""
    import pyarrow

    given = list(batches)
    if not given:
        return
    # Sorted here: Sail forgets the order of what it sorted before it hands it over.
    in_order = [("product", "ascending"), ("week", "ascending")]
    rows = pyarrow.Table.from_batches(given).sort_by(in_order)
    category = rows["category"].combine_chunks().dictionary_encode().indices.to_pylist()
    numbers = {name: _numbers(rows[name], kind) for name, kind in NUMBERS.items()}
    found = [_row(each) for each in responses(Weeks(category=category, **numbers))]
    if found:
        columns = [pyarrow.array(*column) for column in zip(zip(*found), _schema().types)]
        yield pyarrow.RecordBatch.from_arrays(columns, schema=_schema())


def _numbers(column: pyarrow.ChunkedArray, kind: str) -> array[Any]:
    """A column of eight bytes a row without nulls, copied as it lies in Arrow's memory."""
    values = array(kind)
    for chunk in filter(len, column.chunks):
        begin, length = values.itemsize * chunk.offset, values.itemsize * len(chunk)
        values.frombytes(chunk.buffers()[1].slice(begin, length))
    return values


def _row(response: Response) -> tuple[float | int | None, ...]:
    """A row of `RESPONSE`."""
    pooled = response.pooled
    return (
        response.product,
        response.variation,
        *(getattr(response.answer, name, None) for name in ANSWERED),
        pooled.elasticity,
        pooled.display,
        pooled.mailer,
    )


def _schema() -> pyarrow.Schema:
    import pyarrow

    types = {"bigint": pyarrow.int64(), "double": pyarrow.float64()}
    fields = (field.split(" ") for field in RESPONSE.split(", "))
    return pyarrow.schema([(name, types[kind]) for name, kind in fields])


def _status() -> Column:
    return (
        F.when(F.col("is_fuel"), "sold_by_volume")
        .when(F.col("selling_weeks") < LEAST_WEEKS, "too_few_weeks")
        .when(
            F.col("own_elasticity").isNull() | (F.col("price_variation") < LEAST_VARIATION),
            "insufficient_price_variation",
        )
        .otherwise("estimated")
    )
