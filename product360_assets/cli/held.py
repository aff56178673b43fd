"""What `product360 quarantine` shows and releases: rows of quarantine as lines of a file.

Columns that are not the source's own begin with `quarantine_`, so that both can stand in one file
and find their way back.
"""

from __future__ import annotations

import csv
import getpass
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from product360_assets.clean.cells import CellReader, shown
from product360_assets.clean.corrections import Releasing
from product360_assets.clean.fixes import Fix
from product360_assets.clean.quarantine import Held, Rejected, held_rows, rejected_rows
from product360_assets.clean.releases import AT, BY, ROW_ID, WHY, corrected_rows
from product360_assets.cli.selection import chosen_tables, contracts_in_force
from product360_assets.core.calendar import today
from product360_assets.core.states import CLEAN, RELEASED
from product360_assets.ingestion.corrections import Release, releases_of
from resources.environments import platform_resources
from resources.errors import CorrectionRefused

if TYPE_CHECKING:
    from product360_assets.core.contract import TableContract
    from resources.ledger import Batch, Ledger, LedgerResource
    from resources.objects import LakeResource
    from resources.secrets import SecretsResource

HELD_COLUMNS = (
    "source",
    "table",
    "landing_date",
    "batch",
    "rule",
    "rows",
    "released",
    "waiting",
    "days",
)
RELEASED_COLUMNS = ("source", "table", "landing_date", "batch", "release", "rows", "by", "why")
ID, BATCH = "quarantine_id", "quarantine_batch"
FACTS = (
    ID,
    BATCH,
    "quarantine_rule",
    "quarantine_column",
    "quarantine_reason",
    "quarantine_released",
)
TEXT = "quarantine_text"


@dataclass(frozen=True)
class HeldLine:
    """Rows of one batch that one rule rejected, and for how many days of the data they are held."""

    held: Held
    days: int | None

    @property
    def row(self) -> tuple[object, ...]:
        """The line under `HELD_COLUMNS`."""
        held = self.held
        place = (held.source, held.table, held.landing_date, held.batch, held.rule)
        return (*place, held.rows, held.released, held.waiting, self.days)


def held_lines(
    *, source: str | None, table: str | None, since: date | None, rule: str | None
) -> list[HeldLine]:
    """What quarantine holds, by source, table, landing date, batch and rule."""
    ledger, lake = _places()
    now = today(ledger, contracts_in_force().values())
    return [
        HeldLine(held, (now - held.landing_date).days if now else None)
        for contract, each in chosen_tables(source, table)
        for held in held_rows(ledger, lake, contract.name, each.name)
        if (since is None or held.landing_date >= since) and rule in (None, held.rule)
    ]


def rejected_table(which: str) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of a batch's rejected rows, or of the one with this id.

    Raises:
        CorrectionRefused: there is no such batch, and no row of this id.
    """
    ledger, lake = _places()
    batch = ledger.batch(which)
    rows = _rejected(ledger, lake, batch) if batch else _with_id(ledger, lake, which)
    if not rows:
        raise CorrectionRefused(
            f"{'batch' if batch else 'batch or row'} {which}",
            found="no rejected row",
            expected="one that `product360 quarantine list` or `show` names",
            next_move="list what quarantine holds with `product360 quarantine list`",
        )
    batch = rows[0].batch
    contract = contracts_in_force()[batch.source]
    table = contract.table(batch.table)
    reader = CellReader(contract, table, lake.zone("raw"))
    taken_apart = [reader.cells(row) for row in rows]
    columns = reader.columns(taken_apart)
    signed = _signatures(ledger, lake, batch)
    lines = [
        [*_facts(row, signed), *shown(cells, columns), "" if cells else _text(row, table)]
        for row, cells in zip(rows, taken_apart, strict=True)
    ]
    return [*FACTS, *columns, TEXT], lines


def release_file(path: Path, *, by: str | None, why: str) -> list[Release]:
    """Release the rows of a file that were corrected.

    Raises:
        CorrectionRefused, LedgerConflict: see `Releasing.release`.
    """
    ledger, lake = _places()
    return Releasing(
        contracts_in_force(),
        ledger,
        lake,
        cast("SecretsResource", platform_resources()["secrets"]),
        by=by or getpass.getuser(),
        at=datetime.now(UTC),
        why=why,
    ).release(_fixes(path))


def release_rows(releases: Sequence[Release]) -> list[tuple[object, ...]]:
    """The releases as rows under `RELEASED_COLUMNS`."""
    ledger, _ = _places()
    rows: list[tuple[object, ...]] = []
    for each in releases:
        batch = cast("Batch", ledger.batch(each.batch_id))
        place = (batch.source, batch.table, batch.landing_date, batch.batch_id)
        rows.append((*place, each.release_id, each.rows, each.by, each.why))
    return rows


def _places() -> tuple[Ledger, LakeResource]:
    resources = platform_resources()
    ledger = cast("LedgerResource", resources["ledger"]).open()
    return ledger, cast("LakeResource", resources["lake"])


def _rejected(ledger: Ledger, lake: LakeResource, batch: Batch) -> list[Rejected]:
    state = ledger.zone_state(batch.batch_id, CLEAN)
    return rejected_rows(batch, state, lake.zone("clean")) if state else []


def _with_id(ledger: Ledger, lake: LakeResource, row_id: str) -> list[Rejected]:
    for contract, table in chosen_tables(None, None):
        states = ledger.zone_states(contract.name, table.name, CLEAN)
        for batch in ledger.batches(contract.name, table.name):
            state = states.get(batch.batch_id)
            if state and state.rows_quarantined:
                rows = rejected_rows(batch, state, lake.zone("clean"))
                if found := [row for row in rows if row.row_id == row_id]:
                    return found
    return []


def _signatures(ledger: Ledger, lake: LakeResource, batch: Batch) -> Mapping[str, str]:
    """Who released which row, when and why, by the row's id."""
    return {
        line[ROW_ID]: f"by {line[BY]} on {line[AT][:10]}: {line[WHY]}"
        for release in releases_of(ledger.zone_state(batch.batch_id, RELEASED))
        for line in corrected_rows(release, ledger=ledger, lake=lake)
    }


def _facts(row: Rejected, signed: Mapping[str, str]) -> list[str]:
    said = (row.rule, row.column or "", row.reason, signed.get(row.row_id, ""))
    return [row.row_id, row.batch.batch_id, *said]


def _text(row: Rejected, table: TableContract) -> str:
    """What is to be read of a record without cells; of treated columns, where that is."""
    if not table.is_treated:
        return row.raw_text or ""
    number = row.lineage["_row_number"]
    return f"in raw: {row.lineage['_source_file']}" + (f", line {number}" if number else "")


def _fixes(path: Path) -> Iterator[Fix]:
    # Spreadsheets begin a file with a byte order mark.
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            if missing := {ID, BATCH} - set(reader.fieldnames or ()):
                raise _unfit(path, f"no column {sorted(missing)[0]}")
            for line in reader:
                if None in line or None in line.values():
                    raise _unfit(path, f"line {reader.line_num} of other length than the header")
                own = {name: line[name] for name in line if name not in (*FACTS, TEXT)}
                yield Fix(line[BATCH], line[ID], own)
        except (csv.Error, UnicodeDecodeError) as error:
            raise _unfit(path, str(error)) from error


def _unfit(path: Path, found: str) -> CorrectionRefused:
    return CorrectionRefused(
        str(path),
        found=found,
        expected="CSV in UTF-8, as `product360 quarantine show --format csv` writes it",
        next_move="export the rows again, and change nothing but cells",
    )
