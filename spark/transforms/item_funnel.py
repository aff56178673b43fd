"""How far visits got with each item, by week: looked, put it in the cart, bought it.

The hazard is the week that is not over: only weeks whose Sunday is over count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.tables.curated import ITEM_FUNNEL
from spark.transforms.business_week import last_closed_week, monday_of
from spark.transforms.counting import count_if, or_zero, ratio
from spark.transforms.item_visits import buying_visits, item_visits

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

KEY = ("product_id", "week_start")


def item_funnel(events: DataFrame, sessions: DataFrame, lines: DataFrame, as_of: date) -> DataFrame:
    """Rows of `curated.item_funnel`: every item and closed week that a visit touched it in.

    Args:
        events: `curated.click_event`.
        sessions: `curated.click_session`.
        lines: `curated.sales_line`, which knows what was paid.
        as_of: last day that counts, in the shop's own time zone.
    """
    closed = _closed(item_visits(events, sessions, as_of), as_of)
    bought = _closed(buying_visits(events, sessions, as_of), as_of)
    is_viewed, is_carted, is_bought = F.col("is_viewed"), F.col("is_carted"), F.col("is_bought")
    counted = closed.groupBy(*KEY).agg(
        F.count(F.lit(1)).alias("visits"),
        count_if(is_viewed).alias("visits_viewing"),
        count_if(is_carted).alias("visits_carting"),
        count_if(is_bought).alias("visits_buying"),
        count_if(is_viewed & is_carted).alias("visits_viewing_and_carting"),
        count_if(is_carted & is_bought).alias("visits_carting_and_buying"),
        count_if(is_viewed & is_bought).alias("visits_viewing_and_buying"),
        count_if(is_carted & ~is_bought).alias("abandoned_carts"),
    )
    whole = counted.join(_paid(bought, lines), on=list(KEY), how="left")
    return whole.select(*KEY, *_said()).select(
        *(F.col(each.name).cast(each.type).alias(each.name) for each in ITEM_FUNNEL.columns)
    )


def _closed(visits: DataFrame, as_of: date) -> DataFrame:
    """The visits of closed weeks, with `week_start`."""
    week = monday_of(F.col("session_date")).alias("week_start")
    return visits.select("*", week).where(F.col("week_start") <= F.lit(last_closed_week(as_of)))


def _paid(bought: DataFrame, lines: DataFrame) -> DataFrame:
    """What was paid for each item on receipts that a visit ended in, once for each line."""
    receipts = (
        bought.where(F.col("basket_id").isNotNull())
        # Two visits may end in one receipt: the earlier week has it.
        .groupBy("basket_id", "product_id")
        .agg(F.min("week_start").alias("week_start"))
    )
    values = lines.select("basket_id", "product_id", "sales_value")
    return (
        receipts.join(values, on=["basket_id", "product_id"], how="inner")
        .groupBy(*KEY)
        .agg(F.sum("sales_value").alias("online_revenue"))
    )


def _said() -> list[Column]:
    counts = [each.name for each in ITEM_FUNNEL.columns if each.type == "bigint"]
    rates = {
        "view_to_cart_rate": ("visits_viewing_and_carting", "visits_viewing"),
        "cart_to_purchase_rate": ("visits_carting_and_buying", "visits_carting"),
        "view_to_purchase_rate": ("visits_viewing_and_buying", "visits_viewing"),
    }
    return [
        *(F.col(name) for name in counts if name not in KEY),
        *(ratio(F.col(part), F.col(of)).alias(name) for name, (part, of) in rates.items()),
        or_zero("online_revenue"),
    ]
