"""Takes campaigns, their targets and coupons, and coupons used, into `interaction`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.current import publish_current
from spark.tables.curated import INTERACTION
from spark.transforms.interaction import interactions, withdrawn

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark.report import Report

INPUTS = (
    "marketing.campaign",
    "marketing.campaign_target",
    "marketing.coupon",
    "marketing.coupon_redemption",
)


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Merge every batch of the spec into the target, in one commit.

    New batches of sales lines ask for this job, as they bring receipts; what it reads of them is
    the published table, so their batches are reported with no rows.
    """
    sales = session.table(spec["sales"])
    publish_current(
        session,
        spec,
        report,
        INTERACTION,
        INPUTS,
        rows=lambda campaigns, targets, coupons, redemptions: interactions(
            campaigns, targets, coupons, redemptions, sales
        ),
        gone=lambda _, *placed: withdrawn(*placed),
    )
