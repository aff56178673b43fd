"""How demand for each product answered to its price, where its weeks can tell.

The method stands in `price_response`; here it gets its weeks, and a product that it cannot judge
gets the reason. The price is the loyalty card's, as nearly every household of the panel has one.

The hazard is a price that never changed: a regression gives it an elasticity all the same, out of
the noise of its weeks. So a product whose price hardly varied is refused, and so is what lies
outside the prices that were seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from spark.tables.curated import PRICE_ELASTICITY
from spark.transforms.business_week import WEEKS_OF_YEAR, closed_weeks
from spark.transforms.counting import count_if, ratio
from spark.transforms.price_response import (
    LEAST_VARIATION,
    LEAST_WEEKS,
    Response,
    Week,
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

# Columns of an answer, which a product whose price hardly changed has not.
ANSWERED = {
    "own_elasticity": "own",
    "own_standard_error": "own_error",
    "category_elasticity": "category",
    "category_products": "peers",
    "drawn": "shrunk",
    "standard_error": "error",
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
    of_week = Window.partitionBy("week_start").rowsBetween(
        Window.unboundedPreceding, Window.unboundedFollowing
    )
    most = F.max("stores_promoted").over(of_week)
    return year.select("*", most.alias("promoting")).select(
        "*",
        F.coalesce(ratio(F.col("stores_on_display"), F.col("promoting")), F.lit(0.0)).alias(
            "display"
        ),
        F.coalesce(ratio(F.col("stores_in_mailer"), F.col("promoting")), F.lit(0.0)).alias(
            "mailer"
        ),
    )


def _is_measured() -> Column:
    """Whether a week tells of pieces and price; logarithms know nothing below or at zero."""
    measured = ~F.col("is_fuel") & (F.col("units") > 0) & (F.col("loyalty_price") > 0)
    return F.coalesce(measured, F.lit(False))


def _responses(measured: DataFrame) -> DataFrame:
    """What `price_response` finds, by product; all weeks come to one process."""
    category = F.concat_ws("/", "department", F.coalesce("product_category", F.lit("")))
    rows = measured.select(
        "product_id",
        category.alias("category"),
        F.datediff("week_start", F.lit("1970-01-01").cast("date")).alias("week"),
        F.col("units").cast("double").alias("units"),
        F.col("loyalty_price").cast("double").alias("price"),
        "display",
        "mailer",
    )
    return rows.repartition(1).mapInArrow(_answered, RESPONSE)


def _answered(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    weeks = [
        Week(*row)
        for batch in batches
        for row in zip(*(column.to_pylist() for column in batch.columns))
    ]
    rows = [_row(each) for each in responses(weeks)]
    if rows:
        yield pyarrow.RecordBatch.from_pylist(rows, schema=_schema())


def _row(response: Response) -> dict[str, float | int | None]:
    pooled = response.pooled
    return {
        "product_id": response.product,
        "price_variation": response.variation,
        **{name: getattr(response.answer, field, None) for name, field in ANSWERED.items()},
        "pooled_elasticity": pooled.elasticity,
        "display_effect": pooled.display,
        "mailer_effect": pooled.mailer,
    }


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
