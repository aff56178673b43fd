"""The schedule: once a day everything that is to come is asked for."""

from __future__ import annotations

import dagster as dg

from product360_assets.automation.jobs import INGEST

# After the business day has closed from New York to Los Angeles, before the office opens.
EVERY_MORNING = "0 9 * * *"


def daily_ingestion() -> dg.ScheduleDefinition:
    """Runs `ingest` every morning; what it lands, the landing sensor picks up."""
    return dg.ScheduleDefinition(
        name="daily_ingestion",
        job_name=INGEST,
        cron_schedule=EVERY_MORNING,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every morning, ask every source for what is new.",
    )
