"""Takes campaigns, their targets and coupons, and coupons used, into `interaction`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.publishing import batch_results, merge_rows, required_batches
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
    campaigns, targets, coupons, redemptions = frames = [
        required_batches(session, spec, name) for name in INPUTS
    ]
    sales = session.table(spec["sales"])
    rows = interactions(campaigns, targets, coupons, redemptions, sales)
    gone = withdrawn(targets, coupons, redemptions)
    merge_rows(session, rows, INTERACTION, spec["target"], deleted=gone)
    taken_in = {**dict(zip(INPUTS, frames)), "pos.sales_line": None}
    report.results(batch_results(spec, INTERACTION.identifier, taken_in))
