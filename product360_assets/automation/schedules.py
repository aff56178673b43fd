"""The schedules: every morning what is new, every Monday what is old.

Each runs a job that looks first and does what is left to do, so a schedule that finds sensors and
automation ahead of it costs seconds and says "unchanged". They stand apart because each looks at
what the one before made; none waits for another.
"""

from __future__ import annotations

import dagster as dg

from product360_assets.automation.jobs import (
    AUDIT,
    INGEST,
    MAINTAIN,
    PUBLISH,
    RECONCILE,
    VALIDATE,
    WATCH,
)

# After the business day has closed from New York to Los Angeles, before the office opens.
EVERY_MORNING = "0 9 * * *"
AN_HOUR_LATER = "0 10 * * *"
WHEN_IT_IS_ACCEPTED = "30 10 * * *"
AFTER_PUBLICATION = "0 11 * * *"
AFTER_THE_WATCH = "30 11 * * *"
WHEN_READERS_SLEEP = "0 3 * * *"
# The business week ends on Sunday; by then the last of its files has been accepted.
MONDAYS_AT_NOON = "0 12 * * 1"


def schedules() -> list[dg.ScheduleDefinition]:
    """All of them, running from the start."""
    return [
        daily_ingestion(),
        daily_publication(),
        daily_validation(),
        daily_watch(),
        daily_reconciliation(),
        weekly_audit(),
        nightly_maintenance(),
    ]


def daily_ingestion() -> dg.ScheduleDefinition:
    """Runs `ingest` every morning; what it lands, the landing sensor picks up."""
    return _schedule(
        "daily_ingestion",
        INGEST,
        EVERY_MORNING,
        "Every morning, ask every source for what is new, and look for what owners dropped. What "
        "lands is accepted by the landing sensor.",
    )


def daily_publication() -> dg.ScheduleDefinition:
    """Runs `publish` after that; tables follow by themselves, this finds what they missed."""
    return _schedule(
        "daily_publication",
        PUBLISH,
        AN_HOUR_LATER,
        "An hour later, take in whatever is clean and not yet published, forecast and answer. "
        "Tables follow their upstream by themselves; this makes sure, and says so if all is done.",
    )


def daily_validation() -> dg.ScheduleDefinition:
    """Runs `validate` after that, when what was delivered is in raw."""
    return _schedule(
        "daily_validation",
        VALIDATE,
        WHEN_IT_IS_ACCEPTED,
        "Then compare every database with what was delivered of it: the rows of which anything "
        "came since the last time. A row that differs is named with its key and its file.",
    )


def daily_watch() -> dg.ScheduleDefinition:
    """Runs `watch` after that: a delivery that does not come starts nothing that could notice."""
    return _schedule(
        "daily_watch",
        WATCH,
        AFTER_PUBLICATION,
        "Then ask whether every source delivered in time, as much and as complete as usual. What "
        "does not come makes nothing run, so somebody has to ask.",
    )


def daily_reconciliation() -> dg.ScheduleDefinition:
    """Runs `reconcile` after that, when what was delivered has had its time to arrive."""
    return _schedule(
        "daily_reconciliation",
        RECONCILE,
        AFTER_THE_WATCH,
        "Then compare what every source delivered with raw, and raw with clean, for the days on "
        "which anything changed. A row that is lost on the way is named with its file.",
    )


def weekly_audit() -> dg.ScheduleDefinition:
    """Runs `audit` every Monday."""
    return _schedule(
        "weekly_audit",
        AUDIT,
        MONDAYS_AT_NOON,
        "Every Monday, when the business week is closed and its files are in, hash all of raw "
        "again and compare it with what was accepted.",
    )


def nightly_maintenance() -> dg.ScheduleDefinition:
    """Runs `maintain` every night."""
    return _schedule(
        "nightly_maintenance",
        MAINTAIN,
        WHEN_READERS_SLEEP,
        "Every night, compact what has become many small files, and let go of snapshots and files "
        "that nobody can need any more. Most nights there is nothing to do.",
    )


def _schedule(name: str, job: str, cron: str, description: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job_name=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
