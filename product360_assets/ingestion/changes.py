"""Changes of a database: from where they go on, and what the ledger is told about them.

The source's stream of changes is recorded under the name `*` beside its tables: one record for each
execution, with the place that it came to. What it delivered of a table on a day is a delivery of
that table, in the epoch of the load that it follows.

The hazard: a process can die between any two records, and the next execution must know whether this
one counts. The stream's record says "running" before the first table's is written and "successful"
after the last; one that still runs is completed from its report before anything else is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from product360_assets.core.contract import SourceContract
from product360_assets.core.stream import STREAM, TABLES
from product360_assets.ingestion.arrivals import (
    EPOCH,
    delivery_ids,
    execution_id,
    successful_deliveries,
)
from resources.errors import ChangesLost
from resources.ledger import Delivery, Ledger
from resources.objects import ObjectStore
from resources.replication import (
    CapturedTable,
    ChangeReport,
    ChangeRequest,
    ChangeStatistics,
    ReplicationResource,
    SourceTable,
    StreamPosition,
)

# Details of records: of a load and of the stream, and of a load.
POSITION, CAPTURE = "position", "capture"


@dataclass(frozen=True)
class ChangeIngestion:
    """Delivers the changes of one source; `log` tells the run what happens."""

    contract: SourceContract
    ledger: Ledger
    landing: ObjectStore
    replication: ReplicationResource
    log: Callable[[str], None]

    def deliver(
        self, sources: Sequence[SourceTable], *, connection: Mapping[str, str]
    ) -> ChangeReport | None:
        """Deliver what changed in all loaded tables; None when no table's changes are captured.

        Args:
            sources: every table of the source, whether or not this run is about it: their changes
                come in one stream.
            connection: the source's connection document.

        Raises:
            ChangesLost: the source no longer has all changes, or they were read without a table.
            SourceUnreachable, SourceRejected: see ReplicationResource.changes.
        """
        self._settle_unfinished()
        captured = tuple(found for each in sources if (found := self.captured(each)) is not None)
        if not captured:
            return None
        last = self.last()
        request = ChangeRequest(
            source=self.contract.name,
            execution_id=execution_id(
                self.replication.clock(connection),
                delivery_ids(self.contract, self.ledger),
                landing=self.landing,
                folder=self.contract.name,
            ),
            since=None if last is None else StreamPosition.of(last.details[POSITION]),
            tables=captured,
        )
        if last is not None:
            _check_covered(self.contract.name, captured, last)
        report = self.replication.changes(
            request, connection=connection, landing=self.landing, log=self.log
        )
        if report.counts:
            self._record(report, self._begin(report, captured))
        return report

    def captured(self, table: SourceTable) -> CapturedTable | None:
        """The table with its newest load; None when nobody captures its changes."""
        deliveries = successful_deliveries(self.ledger, self.contract.name, table.name)
        loads = [delivery for delivery in deliveries if EPOCH not in delivery.details]
        if not loads:
            return None
        load = max(loads, key=lambda delivery: delivery.delivery_id)
        if CAPTURE not in load.details:
            self.log(f"{table.name}: loaded without capturing its changes; reload to begin")
            return None
        following = [d.prefix for d in deliveries if d.details.get(EPOCH) == load.delivery_id]
        return CapturedTable(
            table=table,
            epoch=load.delivery_id,
            loaded=StreamPosition.of(load.details[POSITION]),
            capture=load.details[CAPTURE],
            delivered=(load.prefix, *following),
        )

    def last(self) -> Delivery | None:
        """The stream's last execution that counts."""
        counted = successful_deliveries(self.ledger, self.contract.name, STREAM)
        return max(counted, key=lambda delivery: delivery.delivery_id, default=None)

    def _settle_unfinished(self) -> None:
        for stream in self.ledger.deliveries(self.contract.name, STREAM):
            if stream.status != "running":
                continue
            report = self.replication.finished_changes(
                stream.source, stream.delivery_id, landing=self.landing
            )
            if report is None:
                self.ledger.record_delivery(replace(stream, status="failed"))
                self.log(f"changes {stream.delivery_id} have no report; they come again")
            else:
                self._record(report, stream)
                self.log(f"changes {stream.delivery_id} had ended; recorded now")

    def _begin(self, report: ChangeReport, captured: Sequence[CapturedTable]) -> Delivery:
        stream = Delivery(
            source=report.source,
            table=STREAM,
            delivery_id=report.execution_id,
            landing_date=report.until.committed_at.date(),
            prefix=f"{report.source}/{report.execution_id}/",
            status="running",
            started_at=report.started_at,
            finished_at=report.finished_at,
            rows=sum(written.rows for written in report.tables),
            bytes=sum(written.bytes for written in report.tables),
            details={
                POSITION: report.until.text,
                TABLES: ",".join(each.table.name for each in captured),
            },
        )
        self.ledger.record_delivery(stream)
        return stream

    def _record(self, report: ChangeReport, stream: Delivery) -> None:
        """Let the tables' deliveries count, and then the execution."""
        for written in report.tables:
            self.ledger.record_delivery(_delivery(report, written))
        self.ledger.record_delivery(replace(stream, status="successful"))


def _delivery(report: ChangeReport, written: ChangeStatistics) -> Delivery:
    return Delivery(
        source=report.source,
        table=written.table,
        delivery_id=f"{report.execution_id}-{written.landing_date:%Y%m%d}",
        landing_date=written.landing_date,
        prefix=written.prefix,
        status="successful",
        started_at=report.started_at,
        finished_at=report.finished_at,
        rows=written.rows,
        bytes=written.bytes,
        details={
            EPOCH: written.epoch,
            "files": str(written.files),
            "inserts": str(written.inserts),
            "updates": str(written.updates),
            "deletes": str(written.deletes),
            "ddls": str(written.ddls),
        },
    )


def _check_covered(source: str, captured: Sequence[CapturedTable], last: Delivery) -> None:
    """See that no table was left out by the last execution, which let its changes go.

    Raises:
        ChangesLost: one was.
    """
    came_to = StreamPosition.of(last.details[POSITION])
    covered = last.details[TABLES].split(",")
    missed = [
        each.table.name
        for each in captured
        if each.table.name not in covered
        and each.loaded.system == came_to.system
        and each.loaded.lsn < came_to.lsn
    ]
    if missed:
        raise ChangesLost(
            f"changes of {source}: {', '.join(missed)}",
            found="changes that were delivered without them",
            expected="every loaded table in every delivery of changes",
            next_move=f"run ingest_{source} for these tables with reload: true",
        )
