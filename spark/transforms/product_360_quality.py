"""What a reader should know before trusting a product's row, as flags.

The hazard is a flag that everybody has: it would be skipped like a licence text. Each flag names
something that changes how numbers of this very row are to be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.business_week import WEEKS_OF_QUARTER, first_of_closed_weeks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pyspark.sql import Column, DataFrame


def with_quality(rows: DataFrame, lines: DataFrame, as_of: date) -> DataFrame:
    """Products with their flags and how many there are.

    Args:
        rows: products with their prices and first sale.
        lines: `curated.sales_line`.
        as_of: last business day that counts.
    """
    paid_for_nothing = (
        lines.where(F.col("business_date") <= F.lit(as_of))
        .where((F.col("sales_value") > 0) & (F.col("quantity") == 0))
        .select("product_id", F.lit(True).alias("is_paid_without_quantity"))
        .distinct()
    )
    flags = sorted(_flags(as_of).items())
    raised = [F.when(condition, F.lit(name)) for name, condition in flags]
    names = F.concat_ws(",", *raised)
    count = sum((F.when(condition, 1).otherwise(0) for _, condition in flags), F.lit(0))
    told = {"quality_flags": F.when(names != "", names), "quality_flag_count": count}
    joined = rows.join(paid_for_nothing, on="product_id", how="left")
    return joined.withColumns(told).drop("is_paid_without_quantity")


def _flags(as_of: date) -> Mapping[str, Column]:
    """The condition of each flag; the dictionary says what each one means."""
    recent = F.lit(first_of_closed_weeks(as_of, WEEKS_OF_QUARTER))
    is_sold = F.col("first_sale_date").isNotNull()
    return {
        "no_category": F.col("product_category").isNull(),
        "no_package_size": F.col("package_size").isNull(),
        "no_price": F.col("shelf_price").isNull() & is_sold & ~F.col("is_fuel"),
        "not_in_catalogue": F.col("is_unknown_member"),
        "paid_without_quantity": F.col("is_paid_without_quantity"),
        "price_is_old": F.col("priced_week") < recent,
        "sold_by_volume": F.col("is_fuel"),
    }
