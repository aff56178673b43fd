"""Pulls: from which moment on, up to which, and what the ledger is told about it.

Each execution asks for what changed between the last successful execution and the source's own now;
that now is the next watermark. It reaches back by an overlap: a change whose transaction took long
is visible only after its time had been asked for. What comes again is the same, and folds into the
same.

The hazard: an execution that broke off left files behind. Nothing accepts them, and the next
execution asks for the same window again under a prefix of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.ingestion.arrivals import execution_id
from product360_assets.ingestion.executions import (
    WATERMARK,
    WINDOW_START,
    begun,
    counted,
    ended,
    failed,
    pulls,
    purpose_of,
    recorded,
    window_of,
)
from product360_assets.ingestion.fields import FieldHistory, continued, history_of
from resources.ledger import Delivery, Ledger
from resources.objects import ObjectStore
from resources.saas import PullReport, PullRequest, SaasResource

FIELDS = "fields"
FIELD_CHANGES = "field changes"
NEVER_ENDED = "it never ended; its process is gone"


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
        self._settle_unfinished(table)
        earlier = self.ledger.deliveries(self.contract.name, table.name)
        watermark = None if reload else _watermark(earlier)
        if watermark is not None and watermark >= until:
            return None
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
            modified_since=_reaching_back(watermark, table),
            modified_until=until,
        )
        running = begun(request, "changes")
        with recorded(self.ledger, running):
            report = self.saas.pull(
                request, connection=connection, landing=self.landing, log=self.log
            )
        self._finish(running, report)
        return report

    def _settle_unfinished(self, table: TableContract) -> None:
        """Record how executions ended whose process was killed."""
        for left in self.ledger.deliveries(self.contract.name, table.name):
            if left.status != "running":
                continue
            found = None
            if purpose_of(left) == "changes":
                request = window_of(left, table.delivered_name)
                found = self.saas.execution(request, landing=self.landing)
            if found is not None and found.report is not None:
                self._finish(left, found.report)
                self.log(f"{table.name}: execution {left.delivery_id} had ended; recorded now")
            else:
                message = (found.message if found else None) or NEVER_ENDED
                self.ledger.record_delivery(failed(left, message))
                self.log(f"{table.name}: execution {left.delivery_id} given up: {message}")

    def _finish(self, running: Delivery, report: PullReport) -> None:
        history = self._field_history(running, report)
        details = {WATERMARK: running.started_at.isoformat(), **counted(report)}
        if history is not None:
            details[FIELDS] = history.document()
            details[FIELD_CHANGES] = "; ".join(
                str(each) for each in history.changes() if each.execution == running.delivery_id
            )
        self.ledger.record_delivery(
            ended(running, rows=report.rows, size=report.bytes, files=report.files, details=details)
        )

    def _field_history(self, running: Delivery, report: PullReport) -> FieldHistory | None:
        whole = WINDOW_START not in running.details
        earlier = self.ledger.deliveries(self.contract.name, running.table)
        return continued(
            None if whole else last_fields(earlier), running.delivery_id, report.fields
        )


def last_fields(deliveries: list[Delivery]) -> FieldHistory | None:
    """What is known of a table's fields after its last successful pull."""
    known = [found.details[FIELDS] for found in pulls(deliveries) if FIELDS in found.details]
    return history_of(known[-1]) if known else None


def _watermark(earlier: list[Delivery]) -> datetime | None:
    return max(
        (datetime.fromisoformat(delivery.details[WATERMARK]) for delivery in pulls(earlier)),
        default=None,
    )


def _reaching_back(watermark: datetime | None, table: TableContract) -> datetime | None:
    if watermark is None:
        return None
    return watermark - timedelta(minutes=table.pull.overlap_minutes)
