"""Makes `product_week` anew, every closed week as of one day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.derived import publish_derived
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)
from spark.transforms.product_week import clicked, priced, product_week, promoted, redeemed, sold

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report


INPUTS = (
    PRODUCT,
    SALES_LINE,
    PRICE_WEEK,
    PROMOTION_WEEK,
    INTERACTION,
    CLICK_EVENT,
    CLICK_SESSION,
)


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Replace the target by all weeks that are closed on the spec's day, in one commit."""
    publish_derived(session, spec, report, PRODUCT_WEEK, INPUTS, _weeks)


def _weeks(
    products: DataFrame,
    lines: DataFrame,
    prices: DataFrame,
    promotions: DataFrame,
    interactions: DataFrame,
    events: DataFrame,
    sessions: DataFrame,
    as_of: date,
) -> DataFrame:
    sources = (
        sold(lines),
        priced(prices),
        promoted(promotions),
        redeemed(interactions, lines),
        clicked(events, sessions),
    )
    return product_week(products, sources, as_of)
