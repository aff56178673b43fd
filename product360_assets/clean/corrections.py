"""Releasing from quarantine: rows that a person corrected become a delivery of their own.

    put       one object per batch into landing, under a name that follows from its rows
    record    the release in the ledger, beside the batch that the rows were rejected in

From the record on it counts as delivered, and goes through raw and clean like everything else;
judged again, and set aside again if it still is not right. A process may die between the two: the
object is then nothing, and whoever releases the same rows again finishes it.

The hazard: two people who correct one row. The ledger takes a release only from a writer who knew
of all earlier ones, and no row is released twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from product360_assets.clean.cells import CellReader, Cells
from product360_assets.clean.columns import ORIGIN
from product360_assets.clean.delivered import DeliveredRecords
from product360_assets.clean.fixes import (
    Fix,
    changed_rows,
    expect_same,
    not_found_again,
)
from product360_assets.clean.quarantine import SUPERSEDED, Rejected, rejected_rows
from product360_assets.clean.releases import AT, BY, RESERVED, ROW_ID, WHY, corrected_rows
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.states import CLEAN, RELEASED
from product360_assets.ingestion.corrections import Release, correction_key, releases_of
from resources.errors import CorrectionRefused, ObjectExists
from resources.ledger import Batch, Ledger, ZoneState
from resources.objects import LakeResource
from resources.secrets import SecretsResource

VERSION = "1"


@dataclass(frozen=True)
class _Correction:
    """Rows of one batch to release, and what the ledger held of it when they were looked at."""

    batch: Batch
    clean: ZoneState
    held: ZoneState | None
    lines: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Releasing:
    """Releases corrected rows in somebody's name, for a reason.

    `secrets` has the key by which rows of tables with treated columns are found again in raw.
    """

    contracts: Mapping[str, SourceContract]
    ledger: Ledger
    lake: LakeResource
    secrets: SecretsResource
    by: str
    at: datetime
    why: str

    def release(self, fixes: Iterable[Fix]) -> list[Release]:
        """Release the rows whose cells were changed; untouched ones stay where they are.

        Rows that were released with the same values before are passed over, so that the same file
        can be given again.

        Raises:
            CorrectionRefused: a row that is not in quarantine, was released with other values, or
                has no record to correct. Nothing is released.
            LedgerConflict: somebody else released rows of this batch at the same moment.
            SecretMissing: a table has treated columns, and this process may not read their key.
        """
        by_batch: dict[str, list[Fix]] = {}
        for fix in fixes:
            by_batch.setdefault(fix.batch_id, []).append(fix)
        # All are looked at before the first is released.
        corrections = [
            self._corrected(*self._batch(batch_id), its) for batch_id, its in by_batch.items()
        ]
        return [self._release(each) for each in corrections if each.lines]

    def _corrected(self, batch: Batch, state: ZoneState, fixes: Sequence[Fix]) -> _Correction:
        """What is to be released: only rows that were changed and not released yet."""
        held = self.ledger.zone_state(batch.batch_id, RELEASED)
        contract = self.contracts[batch.source]
        table = contract.table(batch.table)
        reader = CellReader(contract, table, self.lake.zone("raw"))
        rejected = {row.row_id: row for row in rejected_rows(batch, state, self.lake.zone("clean"))}
        changed = changed_rows(fixes, rejected, reader)
        records = self._records(table, [row for row, _ in changed], reader)
        before = {line[ROW_ID]: line for line in self._released(held)}
        lines = []
        for row, cells in changed:
            line = _line(row, {**(records[row.row_id] or {}), **cells})
            if row.row_id in before or row.rule == SUPERSEDED:
                expect_same(line, before.get(row.row_id))
                continue
            lines.append(line)
        return _Correction(batch, state, held, tuple(lines))

    def _records(
        self, table: TableContract, rows: Sequence[Rejected], reader: CellReader
    ) -> dict[str, Cells | None]:
        """What was delivered of these rows, by row id; None where it cannot be taken apart."""
        if not table.is_treated:
            return {row.row_id: reader.cells(row) for row in rows}
        raw = self.lake.zone("raw")
        texts = DeliveredRecords(table, self.ledger, raw, self.secrets).texts(rows)
        if lost := next((row for row in rows if row.row_id not in texts), None):
            raise not_found_again(lost)
        return {row.row_id: reader.delivered(row, texts[row.row_id]) for row in rows}

    def _released(self, held: ZoneState | None) -> Iterator[dict[str, Any]]:
        for release in releases_of(held):
            yield from corrected_rows(release, ledger=self.ledger, lake=self.lake)

    def _release(self, correction: _Correction) -> Release:
        batch, lines = correction.batch, correction.lines
        release_id = hashlib.sha256(_document(lines)).hexdigest()[:12]
        release = Release(
            release_id,
            batch.batch_id,
            correction_key(batch, release_id),
            rows=len(lines),
            by=self.by,
            at=self.at,
            why=self.why,
        )
        signed = {BY: self.by, AT: self.at.isoformat(), WHY: self.why}
        # Put before and never recorded, it holds the same rows.
        with suppress(ObjectExists):
            self.lake.zone("landing").put(
                release.key, _document([{**line, **signed} for line in lines])
            )
        state = _state(release, correction.clean, correction.held)
        self.ledger.record_zone(state, replacing=correction.held)
        return release

    def _batch(self, batch_id: str) -> tuple[Batch, ZoneState]:
        batch = self.ledger.batch(batch_id)
        state = self.ledger.zone_state(batch_id, CLEAN)
        if batch is None or state is None:
            raise CorrectionRefused(
                f"batch {batch_id}",
                found="no batch of this id that was made clean",
                expected="a batch that `product360 quarantine list` shows",
                next_move="export the rows again with `product360 quarantine show`",
            )
        return batch, state


def _line(row: Rejected, cells: Cells) -> dict[str, Any]:
    origin = {name: _said(row.lineage[name]) for name in ORIGIN}
    own = {name: value for name, value in cells.items() if name not in RESERVED}
    return {ROW_ID: row.row_id, **origin, **own}


def _said(value: object) -> str | None:
    """A value of the lineage as clean reads it again."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None else str(value)


def _document(lines: Iterable[Mapping[str, Any]]) -> bytes:
    texts = (json.dumps(line, ensure_ascii=False, sort_keys=True) for line in lines)
    return "".join(f"{text}\n" for text in texts).encode()


def _state(release: Release, clean: ZoneState, held: ZoneState | None) -> ZoneState:
    """The batch's releases with one more."""
    released = release.rows + (held.rows_out if held else 0)
    return ZoneState(
        batch_id=release.batch_id,
        zone=RELEASED,
        rows_in=clean.rows_quarantined,
        rows_out=released,
        rows_quarantined=clean.rows_quarantined - released,
        location=release.key,
        unit=clean.unit,
        code_version=VERSION,
        config_version=clean.config_version,
        snapshot_id=None,
        recorded_at=release.at,
        details={**(held.details if held else {}), release.release_id: release.document},
    )
