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

from product360_assets.clean.cells import CellReader, Cells, is_treated, touched
from product360_assets.clean.columns import ORIGIN
from product360_assets.clean.quarantine import SUPERSEDED, Rejected, rejected_rows
from product360_assets.clean.releases import AT, BY, RESERVED, ROW_ID, WHY, corrected_rows
from product360_assets.core.contract import SourceContract
from product360_assets.core.states import CLEAN, RELEASED
from product360_assets.ingestion.corrections import Release, correction_key, releases_of
from resources.errors import CorrectionRefused, ObjectExists
from resources.ledger import Batch, Ledger, ZoneState
from resources.objects import LakeResource

VERSION = "1"


@dataclass(frozen=True)
class Fix:
    """One row as a person gives it back: which one it is, and what its cells say now."""

    batch_id: str
    row_id: str
    cells: Mapping[str, str]


@dataclass(frozen=True)
class _Correction:
    """Rows of one batch to release, and what the ledger held of it when they were looked at."""

    batch: Batch
    clean: ZoneState
    held: ZoneState | None
    lines: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Releasing:
    """Releases corrected rows in somebody's name, for a reason."""

    contracts: Mapping[str, SourceContract]
    ledger: Ledger
    lake: LakeResource
    by: str
    at: datetime
    why: str

    def release(self, fixes: Iterable[Fix]) -> list[Release]:
        """Release the rows whose cells were changed; untouched ones stay where they are.

        Rows that were released with the same values before are passed over, so that the same file
        can be given again.

        Raises:
            CorrectionRefused: a row that is not in quarantine, was released with other values, or
                has no record to correct; or a table with treated columns. Nothing is released.
            LedgerConflict: somebody else released rows of this batch at the same moment.
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
        if is_treated(table):
            raise _treated(batch)
        reader = CellReader(contract, table, self.lake.zone("raw"))
        rejected = {row.row_id: row for row in rejected_rows(batch, state, self.lake.zone("clean"))}
        before = {line[ROW_ID]: line for line in self._released(held)}
        lines = []
        for fix in fixes:
            row = _found(fix, rejected)
            own = reader.cells(row)
            _expect_columns(fix, reader.columns([own]))
            cells = touched(own, fix.cells)
            if cells is None:
                continue
            line = _line(row, cells)
            if fix.row_id in before or row.rule == SUPERSEDED:
                _expect_same(line, before.get(fix.row_id))
                continue
            lines.append(line)
        return _Correction(batch, state, held, tuple(lines))

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


def _treated(batch: Batch) -> CorrectionRefused:
    return CorrectionRefused(
        f"rows of {batch.source}.{batch.table}",
        found="a table with treated columns, of which quarantine does not keep what was delivered",
        expected="a table whose records can be completed from quarantine",
        next_move="correct the rows at their source, and have them delivered again",
    )


def _found(fix: Fix, rejected: Mapping[str, Rejected]) -> Rejected:
    row = rejected.get(fix.row_id)
    if row is None:
        raise CorrectionRefused(
            f"row {fix.row_id} of batch {fix.batch_id}",
            found="no such row among its rejected ones",
            expected="a row that `product360 quarantine show` shows",
            next_move="export the rows again: the batch was made clean anew, by other rules",
        )
    if row.raw_text is None:
        raise CorrectionRefused(
            f"row {fix.row_id} of batch {fix.batch_id}",
            found=f"a whole file that could not be read ({row.reason})",
            expected="a record that can be corrected",
            next_move="have the file delivered again under another name",
        )
    return row


def _expect_columns(fix: Fix, columns: Sequence[str]) -> None:
    if unknown := sorted(set(fix.cells) - set(columns)):
        raise CorrectionRefused(
            f"row {fix.row_id} of batch {fix.batch_id}",
            found=f"a column {unknown[0]!r}",
            expected=f"columns among {', '.join(columns)}",
            next_move="keep the header as `product360 quarantine show` wrote it",
        )


def _expect_same(line: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    if before is not None and {name: before.get(name) for name in line} == line:
        return
    when = f" by {before[BY]} on {before[AT]}" if before else ""
    raise CorrectionRefused(
        f"row {line[ROW_ID]}",
        found=f"a correction with other values, released{when}",
        expected="a row that was not released yet",
        next_move="leave it out. If its correction was rejected too, that one is in quarantine "
        "under an id of its own",
    )


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
