"""Full loads: which tables still need one, and what the ledger is told about it.

A table is loaded once and then stays loaded, because its changes follow; asking for a reload opens
a new epoch. All tables of one load are of one moment.

The hazard: a process can die after the load ended and before the ledger heard of it. Loads that the
ledger believes to be running are therefore looked up first: a finished one is recorded and not
repeated, any other is given up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.ingestion.arrivals import (
    EPOCH,
    delivery_ids,
    execution_id,
    successful_deliveries,
)
from product360_assets.ingestion.changes import CAPTURE, POSITION, ChangeIngestion
from resources.errors import ContractInvalid, Product360Error
from resources.ledger import Delivery, Ledger
from resources.objects import ObjectStore
from resources.replication import (
    ChangeReport,
    LoadReport,
    LoadRequest,
    ReplicationResource,
    SourceTable,
)

# In a connection: "none" for a source that can only be loaded.
_CHANGES = "changes"


@dataclass(frozen=True)
class DatabaseIngestion:
    """Loads tables of one source and delivers their changes; `log` tells the run what happens."""

    contract: SourceContract
    ledger: Ledger
    landing: ObjectStore
    replication: ReplicationResource
    log: Callable[[str], None]

    def load(
        self, tables: Sequence[TableContract], *, connection: Mapping[str, str], reload: bool
    ) -> LoadReport | None:
        """Load the tables that need it, together; None when none does.

        Raises:
            ContractInvalid: a table's `source_name` names no schema.
            SourceUnreachable, SourceRejected: see ReplicationResource.full_load.
        """
        for table in tables:
            self._settle_unfinished(table)
        wanted = [table for table in tables if reload or not self._is_loaded(table)]
        if not wanted:
            return None
        sources = tuple(source_table(table) for table in wanted)
        started_at = self.replication.clock(connection)
        request = LoadRequest(
            source=self.contract.name,
            load_id=execution_id(
                started_at,
                delivery_ids(self.contract, self.ledger),
                landing=self.landing,
                folder=self.contract.name,
            ),
            started_at=started_at,
            tables=sources,
        )
        running = [self._begin(request, source) for source in sources]
        try:
            report = self.replication.full_load(
                request, connection=connection, landing=self.landing, log=self.log
            )
        except Product360Error:
            for delivery in running:
                self.ledger.record_delivery(replace(delivery, status="failed"))
            raise
        for delivery in running:
            self._finish(delivery, report)
        return report

    def changes(self, *, connection: Mapping[str, str]) -> ChangeReport | None:
        """Deliver what changed in every loaded table of the source; None where nothing captures it.

        Raises:
            ContractInvalid: a table's `source_name` names no schema.
            ChangesLost, SourceUnreachable, SourceRejected: see ReplicationResource.changes.
        """
        if not follows(connection):
            return None
        ingestion = ChangeIngestion(
            self.contract, self.ledger, self.landing, self.replication, self.log
        )
        sources = [source_table(table) for table in self.contract.tables]
        return ingestion.deliver(sources, connection=connection)

    def _is_loaded(self, table: TableContract) -> bool:
        deliveries = successful_deliveries(self.ledger, self.contract.name, table.name)
        return any(EPOCH not in delivery.details for delivery in deliveries)

    def _settle_unfinished(self, table: TableContract) -> None:
        for delivery in self.ledger.deliveries(self.contract.name, table.name):
            if delivery.status != "running":
                continue
            report = self.replication.finished_load(
                delivery.source, delivery.delivery_id, landing=self.landing
            )
            if report is None:
                self.ledger.record_delivery(replace(delivery, status="failed"))
                self.log(f"{table.name}: load {delivery.delivery_id} never ended; given up")
            else:
                self._finish(delivery, report)
                self.log(f"{table.name}: load {delivery.delivery_id} had ended; recorded now")

    def _begin(self, request: LoadRequest, table: SourceTable) -> Delivery:
        delivery = Delivery(
            source=request.source,
            table=table.name,
            delivery_id=request.load_id,
            landing_date=request.started_at.date(),
            prefix=f"{request.source}/{request.load_id}/{table.schema}/{table.table}/",
            status="running",
            started_at=request.started_at,
            finished_at=None,
            rows=0,
            bytes=0,
            details={},
        )
        self.ledger.record_delivery(delivery)
        return delivery

    def _finish(self, delivery: Delivery, report: LoadReport) -> None:
        [statistics] = [table for table in report.tables if table.table == delivery.table]
        details = {"files": str(statistics.files)}
        if report.position is not None and statistics.capture:
            details |= {POSITION: report.position.text, CAPTURE: statistics.capture}
        self.ledger.record_delivery(
            replace(
                delivery,
                status="successful",
                prefix=statistics.prefix,
                finished_at=report.finished_at,
                rows=statistics.rows,
                bytes=statistics.bytes,
                details=details,
            )
        )


def follows(connection: Mapping[str, str]) -> bool:
    """Whether this connection is to a source whose changes are wanted."""
    return connection.get(_CHANGES) != "none"


def source_table(table: TableContract) -> SourceTable:
    """The table as the database knows it.

    Raises:
        ContractInvalid: its `source_name` names no schema.
    """
    schema, _, name = table.delivered_name.rpartition(".")
    if not schema:
        raise ContractInvalid(
            f"table {table.name}",
            found=f"source_name {table.delivered_name!r}",
            expected="schema.table, because a database keeps its tables in schemas",
            next_move="correct `source_name` in the source's defs.yaml",
        )
    delivered = {column.name: column.delivered_name for column in table.columns}
    key = tuple(delivered[column] for column in table.key)
    return SourceTable(name=table.name, schema=schema, table=name, key=key)
