"""What the ledger is told of one execution of a service: begun, ended well, or failed and why.

Both kinds of execution, pulls of changes and comparisons of keys, are deliveries with records of
one shape. The hazard: an execution that was killed is "running" in the ledger for ever. Whoever
comes next settles it, by the record that the puller itself kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Literal

from resources.errors import Product360Error
from resources.ledger import Delivery, Ledger
from resources.saas import PullReport, PullRequest

Purpose = Literal["changes", "keys"]

PURPOSE = "purpose"
WINDOW_START = "window start"
WATERMARK = "watermark"
ERROR = "error"
FILES = "files"


def begun(request: PullRequest, purpose: Purpose) -> Delivery:
    """An execution that begins now. What is to be accepted of it lies below its own prefix."""
    since = request.modified_since
    return Delivery(
        source=request.source,
        table=request.table,
        delivery_id=request.execution_id,
        landing_date=request.modified_until.date(),
        prefix=f"{request.source}/{request.object_name}/{request.execution_id}/",
        status="running",
        started_at=request.modified_until,
        finished_at=None,
        rows=0,
        bytes=0,
        details={
            PURPOSE: purpose,
            **({} if since is None else {WINDOW_START: since.isoformat()}),
        },
    )


def ended(
    running: Delivery, *, rows: int, size: int, files: int, details: Mapping[str, str]
) -> Delivery:
    """The execution with what it delivered."""
    return replace(
        running,
        status="successful",
        finished_at=running.started_at,
        rows=rows,
        bytes=size,
        details={**running.details, FILES: str(files), **details},
    )


def failed(running: Delivery, message: str) -> Delivery:
    """The execution with what went wrong; nothing of it is ever accepted."""
    return replace(running, status="failed", details={**running.details, ERROR: message})


@contextmanager
def recorded(ledger: Ledger, running: Delivery) -> Iterator[None]:
    """Record an execution as begun, and as failed when the block raises an error of ours.

    The block records its good end itself.
    """
    ledger.record_delivery(running)
    try:
        yield
    except Product360Error as error:
        ledger.record_delivery(failed(running, str(error)))
        raise


def purpose_of(delivery: Delivery) -> str:
    """What an execution was for; those of old had one purpose only."""
    return delivery.details.get(PURPOSE, "changes")


def pulls(deliveries: list[Delivery]) -> list[Delivery]:
    """The successful pulls of changes among a table's deliveries, in their order."""
    return [
        found
        for found in deliveries
        if found.status == "successful" and purpose_of(found) == "changes"
    ]


def window_of(running: Delivery, object_name: str) -> PullRequest:
    """What an execution that is still running asked for."""
    since = running.details.get(WINDOW_START)
    return PullRequest(
        source=running.source,
        table=running.table,
        object_name=object_name,
        execution_id=running.delivery_id,
        modified_since=None if since is None else datetime.fromisoformat(since),
        modified_until=running.started_at,
    )


def counted(report: PullReport) -> dict[str, str]:
    """What it took, as details of a delivery."""
    return {"requests": str(report.requests), "waits": str(report.waits)}
