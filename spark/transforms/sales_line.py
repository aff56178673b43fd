"""Sales lines: each product of each receipt, with the receipt's day, store and household.

The hazard is the day: the till writes UTC, the business closes its day in its own time zone. A
receipt of 9 p.m. in New York is tomorrow's in UTC.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.fold import in_order, joined_lineage, latest_changes, standing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ["basket_id", "product_id"]
_FIRST_DAY, _LAST_DAY = date(2, 1, 1), date(9998, 12, 31)
LINE = (
    *KEY,
    "quantity",
    "sales_value",
    "retail_discount",
    "coupon_discount",
    "coupon_match_discount",
)


def sales_lines(
    lines: DataFrame, baskets: DataFrame, products: DataFrame, time_zone: str
) -> DataFrame:
    """Rows of `curated.sales_line` for the last change of each line that was not deleted.

    Args:
        lines: changes of sales lines: clean ones, and `lines_again`.
        baskets: clean changes of the lines' receipts; all of these, as a line may come after its
            receipt.
        products: `curated.product`.
        time_zone: IANA name of the zone in which business days begin and end.
    """
    latest = standing(latest_changes(lines, KEY))
    receipts = standing(latest_changes(baskets, ["basket_id"]))
    catalogue = products.select("product_id", "is_fuel", "is_unknown_member")
    fuel = F.coalesce(F.col("p.is_fuel"), F.lit(False))
    joined = (
        latest.alias("l")
        .join(receipts.alias("b"), on=F.col("l.basket_id") == F.col("b.basket_id"), how="left")
        .join(catalogue.alias("p"), on=F.col("l.product_id") == F.col("p.product_id"), how="left")
    )
    return joined.select(
        F.col("l.basket_id").alias("basket_id"),
        F.col("l.product_id").alias("product_id"),
        F.col("b.household_id").alias("household_id"),
        F.col("b.store_id").alias("store_id"),
        F.col("b.sold_at").alias("sold_at"),
        F.to_date(F.from_utc_timestamp(F.col("b.sold_at"), time_zone)).alias("business_date"),
        F.col("b.week").alias("business_week"),
        F.col("l.quantity").alias("quantity"),
        F.when(~fuel, F.col("l.quantity")).alias("units"),
        fuel.alias("is_fuel"),
        F.coalesce(~F.col("p.is_unknown_member"), F.lit(False)).alias("is_known_product"),
        F.col("l.sales_value").alias("sales_value"),
        F.col("l.retail_discount").alias("retail_discount"),
        F.col("l.coupon_discount").alias("coupon_discount"),
        F.col("l.coupon_match_discount").alias("coupon_match_discount"),
        *joined_lineage("l", "b"),
    )


def lines_again(published: DataFrame, baskets: DataFrame, since: str = "") -> DataFrame:
    """Lines as they are published, as changes of their old place, for receipts that have changed.

    Args:
        published: `curated.sales_line`.
        baskets: clean changes of receipts, the new ones.
        since: the newest load of lines; it speaks for itself of what came before it.
    """
    changed = F.broadcast(baskets.select("basket_id").distinct())
    known = published.where(F.col("_change_order") >= F.lit(since))
    lines = changed.join(known, on="basket_id", how="inner")
    # Computed columns carry no description: one engine refuses to stack those that differ in it.
    return lines.select(*LINE, F.lit("U").alias("_operation"), "_batch_id", "_change_order")


def only_lines(lines: DataFrame) -> DataFrame:
    """Clean changes of sales lines in the columns of `lines_again`."""
    return in_order(lines).select(*LINE, "_operation", "_batch_id", "_change_order")


def receipts_of(lines: DataFrame, baskets: DataFrame) -> DataFrame:
    """The changes of the receipts that lines are on; both are changes, and the lines are few."""
    concerned = F.broadcast(lines.select("basket_id").distinct())
    return concerned.join(baskets, on="basket_id", how="inner").select(*baskets.columns)


def days_of(lines: DataFrame, baskets: DataFrame, time_zone: str) -> tuple[date, date] | None:
    """First and last day on which the lines' receipts were ever said to be; None without receipts.

    A day more at each end, for a receipt that was published under another time zone.

    Args:
        lines: changes of sales lines.
        baskets: all clean changes of receipts.
        time_zone: see `sales_lines`.
    """
    days = receipts_of(lines, baskets).select(
        F.to_date(F.from_utc_timestamp(F.col("sold_at"), time_zone)).alias("day")
    )
    # Within the years that Python knows, whatever a receipt says.
    first = F.greatest(F.min("day"), F.expr(f"DATE '{_FIRST_DAY}'"))
    last = F.least(F.max("day"), F.expr(f"DATE '{_LAST_DAY}'"))
    [row] = days.agg(first.alias("first"), last.alias("last")).collect()
    if row["first"] is None:
        return None
    return (
        date.min if row["first"] <= _FIRST_DAY else row["first"] - timedelta(days=1),
        date.max if row["last"] >= _LAST_DAY else row["last"] + timedelta(days=1),
    )
