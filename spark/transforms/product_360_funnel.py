"""What visitors of the web shop did with each product: looked, put it in the cart, bought it.

The hazard is a rate above one: a product can be put in the cart from a list without being viewed,
so these are events per event and no probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.business_week import WEEKS_OF_QUARTER, closed_weeks
from spark.transforms.counting import exact, or_zero, ratio

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame

STEPS = ("views", "cart_additions", "online_purchases")


def with_funnel(rows: DataFrame, weeks: DataFrame, as_of: date) -> DataFrame:
    """Products with the steps of the last quarter's visits, and the rates from step to step.

    Args:
        rows: products.
        weeks: `curated.product_week`.
        as_of: last business day that counts.
    """
    steps = (
        closed_weeks(weeks, as_of, WEEKS_OF_QUARTER)
        .groupBy("product_id")
        .agg(*(F.sum(exact(F.col(step))).alias(f"{step}_91d") for step in STEPS))
    )
    views, additions, purchases = (F.col(f"{step}_91d") for step in STEPS)
    return rows.join(steps, on="product_id", how="left").withColumns(
        {
            **{f"{step}_91d": or_zero(f"{step}_91d") for step in STEPS},
            "view_to_cart_rate_91d": ratio(additions, views),
            "cart_to_purchase_rate_91d": ratio(purchases, additions),
        }
    )
