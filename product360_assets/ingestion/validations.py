"""Validations of a database's tables: what there is to compare, and what came of it.

By default the rows are compared of which something was delivered since the table was last found
well: a load whole, and then its changes. What was delivered and compared before is looked at again
only when everything is asked for, or when the last validation found a difference.

The hazard: an ingestion at the same time. It would move the place from which the source's log is
read, so callers hold what ingestion holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.metadata import HIDDEN_IN_PREVIEWS
from product360_assets.ingestion.arrivals import EPOCH, successful_deliveries
from product360_assets.ingestion.changes import POSITION, ChangeIngestion
from product360_assets.ingestion.databases import follows, source_table
from product360_assets.ingestion.delivered_files import delivered_files
from product360_assets.ingestion.validated import last_validation, record, uncovered
from resources.ledger import Delivery, Ledger
from resources.objects import LakeResource
from resources.replication import CapturedTable, ReplicationResource, StreamPosition
from resources.validation import TableToValidate, ValidationReport, ValidationRequest


@dataclass(frozen=True)
class _Asked:
    """A table that is to be compared, up to this delivery."""

    table: TableToValidate
    up_to: str


@dataclass(frozen=True)
class DatabaseValidation:
    """Validates tables of one source; `log` tells the run what happens."""

    contract: SourceContract
    ledger: Ledger
    lake: LakeResource
    replication: ReplicationResource
    log: Callable[[str], None]

    def validate(
        self, tables: Sequence[TableContract], *, connection: Mapping[str, str], everything: bool
    ) -> set[str]:
        """Compare what has to be; the names of the tables that were compared now.

        Raises:
            ChangesLost, SourceUnreachable, SourceRejected: see ReplicationResource.validation.
        """
        if not follows(connection):
            return set()
        stream = ChangeIngestion(
            self.contract, self.ledger, self.lake.zone("landing"), self.replication, self.log
        )
        asked = [
            found
            for table in tables
            if (found := self._asked(table, stream, everything=everything)) is not None
        ]
        if not asked:
            return set()
        last = stream.last()
        request = ValidationRequest(
            self.contract.name,
            None if last is None else StreamPosition.of(last.details[POSITION]),
            tuple(each.table for each in asked),
        )
        report = self.replication.validation(request, connection=connection, log=self.log)
        if report is None:
            return set()
        return {self._record(each, report) for each in asked}

    def _asked(
        self, table: TableContract, stream: ChangeIngestion, *, everything: bool
    ) -> _Asked | None:
        """What is to be compared of a table; None when nothing is, or nobody captures it."""
        captured = stream.captured(source_table(table))
        if captured is None:
            return None
        deliveries = self._deliveries(captured)
        last = last_validation(self.ledger, self.contract.name, table.name)
        chosen = deliveries if everything else uncovered(last, captured.epoch, deliveries)
        if not chosen:
            return None
        is_whole = len(chosen) == len(deliveries)
        return _Asked(
            self._to_validate(table, captured, chosen, is_whole=is_whole),
            up_to=max(found.delivery_id for found in deliveries),
        )

    def _record(self, asked: _Asked, report: ValidationReport) -> str:
        """Record what came of a table; its name."""
        name = asked.table.captured.table.name
        [found] = [each for each in report.tables if each.table == name]
        record(
            self.ledger,
            self.lake.zone("results"),
            self.contract.name,
            asked.table,
            found,
            at=report.validated_at,
            up_to=asked.up_to,
        )
        return name

    def _deliveries(self, captured: CapturedTable) -> list[Delivery]:
        """All deliveries of the table's epoch that count."""
        epoch = captured.epoch
        found = successful_deliveries(self.ledger, self.contract.name, captured.table.name)
        return [each for each in found if epoch == each.details.get(EPOCH, each.delivery_id)]

    def _to_validate(
        self,
        table: TableContract,
        captured: CapturedTable,
        chosen: Sequence[Delivery],
        *,
        is_whole: bool,
    ) -> TableToValidate:
        found = delivered_files(
            chosen,
            ledger=self.ledger,
            landing=self.lake.zone("landing"),
            raw=self.lake.zone("raw"),
        )
        return TableToValidate(
            captured=captured,
            files=tuple(found.files),
            is_whole=is_whole,
            missing=tuple(found.missing),
            hidden=frozenset(
                column.delivered_name
                for column in table.columns
                if column.sensitivity in HIDDEN_IN_PREVIEWS or column.treatment != "keep"
            ),
        )
