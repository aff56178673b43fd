"""Corrections as people give them: of which row each one is, and whether it can be taken.

The hazard is a file that went through an editor, or is older than what it corrects. What does not
fit a rejected row as it is now is refused by name, before anything is released.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from product360_assets.clean.cells import CellReader, Cells, touched
from product360_assets.clean.quarantine import ERASED, Rejected
from product360_assets.clean.releases import AT, BY, ROW_ID
from resources.errors import CorrectionRefused
from spark.records import FILE
from spark.tokens import is_pseudonym


@dataclass(frozen=True)
class Fix:
    """One row as a person gives it back: which one it is, and what its cells say now."""

    batch_id: str
    row_id: str
    cells: Mapping[str, str]


def changed_rows(
    fixes: Iterable[Fix], rejected: Mapping[str, Rejected], reader: CellReader
) -> list[tuple[Rejected, Cells]]:
    """The rows of which a person changed cells, and these cells.

    Args:
        fixes: of rows of one batch.
        rejected: its rejected rows, by id.
        reader: of the batch's table.

    Raises:
        CorrectionRefused: one fits no row, has no record, or holds what no source delivers.
    """
    changed = []
    for fix in fixes:
        row = _found(fix, rejected)
        shown = reader.cells(row)
        _expect_columns(fix, reader.columns([shown]))
        if cells := touched(shown, fix.cells):
            _expect_record(row)
            _expect_values(fix, cells)
            changed.append((row, cells))
    _expect_once([row.row_id for row, _ in changed])
    return changed


def not_found_again(row: Rejected) -> CorrectionRefused:
    """The refusal of a correction whose other cells cannot be read."""
    day = row.batch.landing_date.isoformat()
    return CorrectionRefused(
        f"row {row.row_id} of batch {row.batch.batch_id}",
        found=f"no such record in raw's {row.lineage['_source_file']}, where its cells that nobody "
        "changed are read because its table has treated columns",
        expected="the record as it was rejected",
        next_move=f"run `product360 replay --source {row.batch.source} --table {row.batch.table} "
        f"--from {day} --to {day}` and export it again, or have it delivered again",
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
    return row


def _expect_record(row: Rejected) -> None:
    if row.rule == ERASED:
        raise CorrectionRefused(
            f"row {row.row_id} of batch {row.batch.batch_id}",
            found="a row of which nothing is kept, because its subject was erased",
            expected="a record that can be corrected",
            next_move="leave it out: it waits for nobody",
        )
    if row.rule == FILE:
        raise CorrectionRefused(
            f"row {row.row_id} of batch {row.batch.batch_id}",
            found=f"a whole file that could not be read ({row.reason})",
            expected="a record that can be corrected",
            next_move="have the file delivered again under another name",
        )


def _expect_columns(fix: Fix, columns: Sequence[str]) -> None:
    if unknown := sorted(set(fix.cells) - set(columns)):
        raise CorrectionRefused(
            f"row {fix.row_id} of batch {fix.batch_id}",
            found=f"a column {unknown[0]!r}",
            expected=f"columns among {', '.join(columns)}",
            next_move="keep the header as `product360 quarantine show` wrote it",
        )


def _expect_once(row_ids: Sequence[str]) -> None:
    if twice := next((row_id for row_id, times in Counter(row_ids).items() if times > 1), None):
        raise CorrectionRefused(
            f"row {twice}",
            found="two corrections of it at once",
            expected="one",
            next_move="leave one line of the row in the file",
        )


def _expect_values(fix: Fix, cells: Cells) -> None:
    """See that nobody took what stands for a value, here or in an older export, for the value."""
    if name := next((name for name, value in cells.items() if is_pseudonym(value or "")), None):
        raise CorrectionRefused(
            f"row {fix.row_id} of batch {fix.batch_id}",
            found=f"a pseudonym in column {name!r} that is not the row's own",
            expected="what the source would have delivered, or the cell as it is shown now",
            next_move="write the value itself, or export the rows again and leave the cell alone",
        )


def expect_same(line: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """See that a row that was released says the same again.

    Raises:
        CorrectionRefused: it says something else.
    """
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
