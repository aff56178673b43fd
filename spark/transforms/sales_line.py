"""Sales lines: each product of each receipt, with the receipt's day, store and household.

The hazard is the day: the till writes UTC, the business closes its day in its own time zone. A
receipt of 9 p.m. in New York is tomorrow's in UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.fold import joined_lineage, latest_changes, standing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ["basket_id", "product_id"]


def sales_lines(
    lines: DataFrame, baskets: DataFrame, products: DataFrame, time_zone: str
) -> DataFrame:
    """Rows of `curated.sales_line` for the last change of each line that was not deleted.

    Args:
        lines: clean changes of sales lines.
        baskets: clean changes of receipts; all of them, as a line may come after its receipt.
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
