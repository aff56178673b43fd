"""Pulls: from which moment on, up to which, and what the ledger is told about it.

Each execution asks for what changed between the last successful execution and the source's own now;
that now is the next watermark. The hazard: an execution that broke off left files behind. Nothing
accepts them, and the next execution asks for the same window again under a prefix of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.ingestion.arrivals import execution_id
from resources.errors import Product360Error
from resources.ledger import Delivery, Ledger
from resources.objects import ObjectStore
from resources.saas import PullReport, PullRequest, SaasResource

WATERMARK = "watermark"


@dataclass(frozen=True)
class ServiceIngestion:
    """Pulls objects of one source; `log` tells the run what happens."""

    contract: SourceContract
    ledger: Ledger
    landing: ObjectStore
    saas: SaasResource
    log: Callable[[str], None]

    def pull(
        self,
        table: TableContract,
        *,
        until: datetime,
        connection: Mapping[str, str],
        reload: bool,
    ) -> PullReport | None:
        """Pull what changed up to the source's `until`; None when its clock has not moved.

        Raises:
            SourceUnreachable, SourceRejected: see SaasResource.pull.
        """
        earlier = self.ledger.deliveries(self.contract.name, table.name)
        since = None if reload else _watermark(earlier)
        if since is not None and since >= until:
            return None
        for left in earlier:
            if left.status == "running":
                self.ledger.record_delivery(replace(left, status="failed"))
        request = PullRequest(
            source=self.contract.name,
            table=table.name,
            object_name=table.delivered_name,
            execution_id=execution_id(
                until,
                (found.delivery_id for found in earlier),
                landing=self.landing,
                folder=f"{self.contract.name}/{table.delivered_name}",
            ),
            modified_since=since,
            modified_until=until,
        )
        running = _begun(request)
        self.ledger.record_delivery(running)
        try:
            report = self.saas.pull(
                request, connection=connection, landing=self.landing, log=self.log
            )
        except Product360Error:
            self.ledger.record_delivery(replace(running, status="failed"))
            raise
        self.ledger.record_delivery(_ended(running, report, until=until))
        return report


def _watermark(earlier: list[Delivery]) -> datetime | None:
    return max(
        (
            datetime.fromisoformat(delivery.details[WATERMARK])
            for delivery in earlier
            if delivery.status == "successful"
        ),
        default=None,
    )


def _begun(request: PullRequest) -> Delivery:
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
        details={},
    )


def _ended(running: Delivery, report: PullReport, *, until: datetime) -> Delivery:
    return replace(
        running,
        status="successful",
        prefix=report.prefix,
        finished_at=until,
        rows=report.rows,
        bytes=report.bytes,
        details={
            WATERMARK: until.isoformat(),
            "files": str(report.files),
            "requests": str(report.requests),
            "waits": str(report.waits),
        },
    )
