"""Click events: each step of a visitor once, however often and in whatever order it came.

The hazard is the stream's promise, "at least once": the same event comes again in a later file or
a later batch. Its id is the key, so the copy changes nothing. An event whose time was corrected
comes with the same id and the later time, which stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark.transforms.fold import latest_changes, standing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ["event_id"]


def click_events(events: DataFrame, time_zone: str) -> DataFrame:
    """Rows of `curated.click_event`, one for each event that was delivered.

    Args:
        events: clean events.
        time_zone: IANA name of the zone in which days begin and end.
    """
    return standing(latest_changes(events, KEY)).select(
        "event_id",
        "visitor_id",
        "household_id",
        "event_type",
        "event_time",
        F.to_date(F.from_utc_timestamp(F.col("event_time"), time_zone)).alias("event_date"),
        "product_id",
        "quantity",
        "basket_id",
        F.col("session_id").alias("source_session_id"),
        F.col("synthetic").alias("is_synthetic"),
        "generator",
        F.col("seed").alias("generator_seed"),
        "_batch_id",
        "_change_order",
    )
