"""Raw against clean: every record of every file is in clean or set aside, with the same numbers.

Three accounts of one batch are compared: the records counted in raw, the rows that the written
files hold by the raw file they came from, and what the ledger was told. Sums of numbers and a
checksum of keys then say whether they are the same rows, where none was set aside.

The hazard is whoever was erased: raw keeps their key, clean has null. A sum may differ by exactly
the keys of those whose requests the batch was made clean by, and by nothing else; that is said, and
is no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from product360_assets.clean.quarantine import ERASED
from product360_assets.clean.work import ERASED as OBEYED
from product360_assets.governance.differences import Difference
from product360_assets.governance.evidence import (
    DayEvidence,
    TableEvidence,
    clean_folder,
    quarantine_folder,
)
from product360_assets.governance.records import Bytes
from product360_assets.governance.sums import KEY_CHECKSUM, FileSums
from resources.arrow_files import file_system
from resources.ledger import AcceptedObject, ZoneState
from resources.objects import ObjectStore

# A file of which no record could be read is set aside as one record, by this rule.
_REFUSED = "file"

# An object, what of it differs, and what raw and clean say.
_Found: TypeAlias = tuple[str, str, Decimal | int, Decimal | int]


@dataclass
class CleanSide:
    """What clean holds of some days.

    Attributes:
        rows: rows of each Parquet file, by its key; those of quarantine are not among them.
        kept: sums by the raw file that the rows came from.
        set_aside: quarantined rows by the raw file that they came from.
        set_aside_of: quarantined rows by batch.
        refused: raw files of which no record could be read.
        erased: those of the quarantined rows whose subject was erased, by raw file.
    """

    rows: dict[str, int] = field(default_factory=dict)
    kept: dict[str, FileSums] = field(default_factory=dict)
    set_aside: Counter[str] = field(default_factory=Counter)
    set_aside_of: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    erased: Counter[str] = field(default_factory=Counter)


def footers(clean: ObjectStore, keys: Iterable[str]) -> dict[str, int]:
    """Rows of Parquet files, by their footers; one that cannot be read holds none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files, root = file_system(clean)
    rows = {}
    for key in keys:
        try:
            rows[key] = int(pq.read_metadata(f"{root}/{key}", filesystem=files).num_rows)
        except (pa.ArrowInvalid, OSError):
            rows[key] = 0
    return rows


def add_quarantine(side: CleanSide, clean: ObjectStore, keys: Iterable[str]) -> None:
    """Count the rows of quarantine files by where they came from."""
    import pyarrow.parquet as pq

    files, root = file_system(clean)
    for key in keys:
        with files.open_input_file(f"{root}/{key}") as file:
            read = pq.ParquetFile(file).read(columns=["_batch_id", "_source_file", "rule"])
        for batch, source, rule in zip(*(column.to_pylist() for column in read), strict=True):
            side.set_aside[source] += 1
            side.set_aside_of[batch] += 1
            if rule == _REFUSED:
                side.refused.add(source)
            side.erased[source] += rule == ERASED


def compare(
    evidence: TableEvidence,
    day: DayEvidence,
    accepted: Mapping[str, Sequence[AcceptedObject]],
    measured: Mapping[str, Bytes],
    raw: Mapping[str, FileSums],
    side: CleanSide,
    files_before: Mapping[str, int],
) -> Iterator[Difference]:
    """Every difference of one day.

    Args:
        evidence: of the table.
        day: of the day.
        accepted: what the ledger says of the day's objects in raw, by batch.
        measured: what these objects are now, by raw key.
        raw: sums of these objects, by raw key.
        side: what clean holds.
        files_before: rows of the files that clean held at the last reconciliation.
    """
    yield from _named(evidence, day, _told(evidence, day, side, files_before))
    for batch_id, state in day.clean.items():
        for each in accepted.get(batch_id, ()):
            found = _of_file(each.raw_key, measured, raw, side, _obeyed(state))
            yield from _named(evidence, day, found)


def explained(
    evidence: TableEvidence,
    day: DayEvidence,
    accepted: Mapping[str, Sequence[AcceptedObject]],
    raw: Mapping[str, FileSums],
    side: CleanSide,
) -> Iterator[Difference]:
    """What differs because subjects were erased, and is no fault; arguments as for `compare`."""
    for batch_id, state in day.clean.items():
        for each in accepted.get(batch_id, ()):
            found = _erased_in(each.raw_key, raw, side, _obeyed(state))
            yield from _named(evidence, day, found)


def _named(
    evidence: TableEvidence, day: DayEvidence, found: Iterable[_Found]
) -> Iterator[Difference]:
    for file, what, left, right in found:
        parts = (evidence.name, day.day.isoformat(), file, what, str(left), str(right))
        yield Difference("raw and clean", *parts)


def _erased_in(
    key: str, raw: Mapping[str, FileSums], side: CleanSide, obeyed: Collection[str]
) -> Iterator[_Found]:
    """What of one raw file clean left out for those who were erased."""
    if gone := side.erased[key]:
        records = side.kept.get(key, FileSums(0, {})).rows + side.set_aside[key]
        yield key, "erased: rows", records, records - gone
    sums = raw.get(key, FileSums(0, {}))
    for column, total in sorted(sums.sums.items()):
        if part := _erased_part(sums, column, obeyed):
            yield key, f"erased: sum of {column}", total, total - part


def _obeyed(state: ZoneState) -> frozenset[str]:
    """The requests for erasure that a batch was made clean by."""
    return frozenset(state.details.get(OBEYED, "").split())


def _erased_part(sums: FileSums, column: str, obeyed: Collection[str]) -> Decimal:
    parts = sums.erased.items()
    return sum(
        (value for (name, by), value in parts if name == column and by in obeyed), Decimal(0)
    )


def _of_file(
    key: str,
    measured: Mapping[str, Bytes],
    raw: Mapping[str, FileSums],
    side: CleanSide,
    obeyed: Collection[str],
) -> Iterator[_Found]:
    """How the rows of one raw file differ from its records; their sums, if their number agrees."""
    now, aside = measured.get(key), side.set_aside[key]
    kept = side.kept.get(key, FileSums(0, {}))
    records = None if now is None or key in side.refused else now.records
    if records is not None and records != kept.rows + aside:
        yield key, "rows", records, kept.rows + aside
    elif not aside and (sums := raw.get(key)) is not None and sums.rows == kept.rows:
        for column in sorted(sums.sums.keys() & kept.sums.keys()):
            expected = sums.sums[column] - _erased_part(sums, column, obeyed)
            if expected != kept.sums[column]:
                what = column if column == KEY_CHECKSUM else f"sum of {column}"
                yield key, what, expected, kept.sums[column]


def sums_of(
    keys: Iterable[str], raw: Mapping[str, FileSums], side: CleanSide
) -> dict[str, tuple[str, str]]:
    """Sums by column over the files in which raw and clean both could be summed."""
    totals: dict[str, list[Decimal]] = {}
    for key in keys:
        if key in raw and key in side.kept and raw[key].rows == side.kept[key].rows:
            for column in raw[key].sums.keys() & side.kept[key].sums.keys():
                total = totals.setdefault(column, [Decimal(0), Decimal(0)])
                total[0] += raw[key].sums[column]
                total[1] += side.kept[key].sums[column]
    return {column: (str(left), str(right)) for column, (left, right) in sorted(totals.items())}


def _told(
    evidence: TableEvidence, day: DayEvidence, side: CleanSide, files_before: Mapping[str, int]
) -> Iterator[_Found]:
    """What the ledger was told of each batch against what its files hold."""
    folder = f"{evidence.contract.name}/{evidence.table.name}"
    for batch_id, state in sorted(day.clean.items()):
        below = f"{clean_folder(folder, state)}/"
        held = sum(side.rows[key] for key in day.clean_objects if key.startswith(below))
        if held != state.rows_out:
            gone = {key: rows for key, rows in files_before.items() if key.startswith(below)}
            for key in sorted(gone.keys() - day.clean_objects.keys()):
                yield key, "rows", gone[key], 0
            yield below, "rows", state.rows_out, held
        aside = side.set_aside_of[batch_id]
        if aside != state.rows_quarantined:
            yield quarantine_folder(folder, state), "rows", state.rows_quarantined, aside
