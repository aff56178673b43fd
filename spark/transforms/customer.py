"""Customers: every household that the customer system knows, with what it knows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.fold import joined_lineage, latest_changes, standing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ["household_id"]


def customers(households: DataFrame, demographics: DataFrame) -> DataFrame:
    """Rows of `curated.customer`.

    Args:
        households: clean changes of households.
        demographics: clean changes of demographics.
    """
    known = standing(latest_changes(households, KEY))
    described = standing(latest_changes(demographics, KEY))
    return (
        known.alias("h")
        .join(
            described.alias("d"), on=F.col("h.household_id") == F.col("d.household_id"), how="left"
        )
        .select(
            F.col("h.household_id").alias("household_id"),
            F.col("h.first_seen_at").alias("first_seen_at"),
            F.col("d.age").alias("age_band"),
            F.col("d.income").alias("income_band"),
            F.col("d.home_ownership").alias("home_ownership"),
            F.col("d.marital_status").alias("marital_status"),
            F.col("d.household_size").alias("household_size"),
            F.col("d.household_comp").alias("household_composition"),
            F.col("d.kids_count").alias("kids_count"),
            F.col("d.household_id").isNotNull().alias("has_demographics"),
            *joined_lineage("h", "d"),
        )
    )
