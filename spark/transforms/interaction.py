"""Interactions: whom a campaign was sent to, what its coupons are good for, which were used.

A redemption names a household, a coupon and a local day, and no receipt. It is matched with the
household's receipts of that day. The hazard is the zone: by the day in UTC, every ninth redemption
would find no receipt, because evening shopping is tomorrow's there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.deletions import deleted_keys
from spark.tables.curated import INTERACTION
from spark.tables.curated.interaction import OFFER, REDEMPTION, TARGET
from spark.transforms.fold import joined_lineage, latest_changes, standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

COUPON = ["campaign_id", "coupon_upc"]
TARGETED = ["campaign_id", "household_id"]
OFFERED = [*COUPON, "product_id"]
USE = ["campaign_id", "household_id", "coupon_upc", "interaction_date"]


def interactions(
    campaigns: DataFrame,
    targets: DataFrame,
    coupons: DataFrame,
    redemptions: DataFrame,
    sales: DataFrame,
) -> DataFrame:
    """Rows of `curated.interaction`.

    Args:
        campaigns: clean changes of campaigns.
        targets: clean changes of which household was sent which campaign.
        coupons: clean changes of which product a coupon of a campaign is good for.
        redemptions: clean changes of coupons used.
        sales: `curated.sales_line`.
    """
    known = standing(latest_changes(campaigns, ["campaign_id"]))
    sent = standing(latest_changes(targets, TARGETED))
    offered = standing(latest_changes(coupons, OFFERED))
    used = standing(latest_changes(_dated(redemptions), USE))
    return _of_campaigns(
        _connected(TARGET, sent, *TARGETED)
        .unionAll(_connected(OFFER, offered, *OFFERED))
        .unionAll(_connected(REDEMPTION, _with_receipts(used, offered, sales), *USE)),
        known,
    )


def withdrawn(targets: DataFrame, coupons: DataFrame, redemptions: DataFrame) -> DataFrame:
    """Keys of `curated.interaction` whose record was deleted, as `deleted_keys` gives them.

    Args:
        targets: see `interactions`.
        coupons: see `interactions`.
        redemptions: see `interactions`.
    """
    return (
        _gone(TARGET, targets, TARGETED)
        .unionAll(_gone(OFFER, coupons, OFFERED))
        .unionAll(_gone(REDEMPTION, _dated(redemptions), USE))
    )


def _gone(kind: str, changes: DataFrame, ids: list[str]) -> DataFrame:
    deleted = deleted_keys(changes, ids)
    return deleted.select(_id(kind, ids), "_batch_id", "_change_order")


def _id(kind: str, ids: Sequence[str]) -> Column:
    return F.concat_ws("/", F.lit(kind), *ids).alias("interaction_id")


def _dated(redemptions: DataFrame) -> DataFrame:
    return redemptions.withColumnRenamed("redemption_date", "interaction_date")


def _connected(kind: str, rows: DataFrame, *ids: str) -> DataFrame:
    """One kind of interaction in the columns of all of them; what it does not have is null."""
    own = {
        "interaction_id": _id(kind, ids),
        "interaction_type": F.lit(kind),
        **{name: F.col(name) for name in rows.columns},
    }
    return rows.select(
        *(
            # Typed: one engine takes a column that is null in the first part for null in all.
            own.get(column.name, F.lit(None)).cast(column.type).alias(column.name)
            for column in INTERACTION.columns
        )
    )


def _of_campaigns(connected: DataFrame, campaigns: DataFrame) -> DataFrame:
    """The table's columns, with what is known of each row's campaign."""
    joined = connected.alias("i").join(
        campaigns.alias("c"), on=F.col("i.campaign_id") == F.col("c.campaign_id"), how="left"
    )
    made = {
        "campaign_type": F.col("c.campaign_type"),
        "campaign_start_date": F.col("c.start_date"),
        "campaign_end_date": F.col("c.end_date"),
        "interaction_date": F.coalesce("i.interaction_date", "c.start_date"),
        **dict(zip(("_batch_id", "_change_order"), joined_lineage("i", "c"))),
    }
    return joined.select(
        *(made.get(name, F.col(f"i.{name}")).alias(name) for name in INTERACTION.column_names)
    )


def _with_receipts(used: DataFrame, offered: DataFrame, sales: DataFrame) -> DataFrame:
    """Redemptions with the household's receipts of their local day."""
    receipts = _lines_of_day(used, offered, sales).groupBy(*USE, "basket_id")
    sums = receipts.agg(
        F.collect_set("offered_product").alias("products"),
        F.sum("offered_value").alias("value"),
        F.sum("offered_discount").alias("discount"),
    )
    # The least (-products, basket): the most products, then the least id.
    rank = F.struct((-F.size("products")).alias("rarity"), F.col("basket_id").alias("basket_id"))
    days = sums.groupBy(*USE).agg(
        F.min(rank).alias("best"),
        F.count(F.lit(1)).alias("baskets_on_day"),
        F.size(F.array_distinct(F.flatten(F.collect_list("products")))).alias("products"),
        F.sum("value").alias("value"),
        F.sum("discount").alias("discount"),
    )
    counted = {
        "baskets_on_day": "baskets_on_day",
        "offered_products_bought": "products",
        "offered_sales_value": "value",
        "offered_coupon_discount": "discount",
    }
    return used.join(days, on=USE, how="left").select(
        *used.columns,
        F.col("best.basket_id").alias("basket_id"),
        *(
            F.coalesce(F.col(found), F.lit(0)).cast(INTERACTION.column(name).type).alias(name)
            for name, found in counted.items()
        ),
    )


def _lines_of_day(used: DataFrame, offered: DataFrame, sales: DataFrame) -> DataFrame:
    """Each redemption with every line of its day; `offered_` columns are null on other lines."""
    lines = sales.withColumnRenamed("business_date", "interaction_date")
    # The redemptions are few and the sales many: these are looked up and not sorted.
    days = F.broadcast(used.select(*USE))
    of_day = lines.join(days, on=["household_id", "interaction_date"], how="inner")
    good_for = offered.select(*COUPON, "product_id", F.lit(True).alias("is_offered"))
    return of_day.join(good_for, on=[*COUPON, "product_id"], how="left").select(
        *USE,
        "basket_id",
        *(
            F.when(F.col("is_offered"), F.col(name)).alias(offered_name)
            for name, offered_name in (
                ("product_id", "offered_product"),
                ("sales_value", "offered_value"),
                ("coupon_discount", "offered_discount"),
            )
        ),
    )
