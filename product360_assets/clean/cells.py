"""Rejected records as cells that a person can correct: one for each column of the source.

The names are those of the source, because a correction is read as if the source had sent it. What
could not be taken apart (a line with too many fields, broken JSON) has no cells; then whoever
corrects it writes them all, with the text in view.

The hazard is text that only looks the same: an empty cell is a null or an empty text, 1.50 may have
been 1.5, and what is shown of a treated column is no value of it. So what nobody touched is taken
from the record, never from what was shown of it.
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from product360_assets.clean.quarantine import Rejected
from product360_assets.clean.releases import RESERVED
from product360_assets.core.contract import SourceContract, TableContract
from resources.objects import ObjectStore
from resources.replication import OPERATION

Cells = Mapping[str, str | None]

# The rule of a second row of a key: it was typed already, so it is kept under clean's names.
_UNIQUE = "unique"
_GZIP = b"\x1f\x8b"
_HEADER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class CellReader:
    """Takes the rejected records of one table apart; reads each delivered header once."""

    contract: SourceContract
    table: TableContract
    raw: ObjectStore
    _headers: dict[str, list[str]] = field(default_factory=dict)

    def cells(self, row: Rejected) -> Cells | None:
        """What quarantine has of the record, by column; None where it cannot be taken apart."""
        if row.raw_text is None:
            return None
        if row.rule == _UNIQUE or self.table.is_treated:
            return self._typed(row)
        return self.delivered(row, row.raw_text)

    def delivered(self, row: Rejected, text: str) -> Cells | None:
        """The record by column, of its text as it was delivered; None as above."""
        if self.table.format == "csv" and row.lineage["_correction_id"] is None:
            return self._fields(text, row.lineage["_source_file"])
        return _members(text)

    def columns(self, found: Iterable[Cells | None]) -> list[str]:
        """The columns to show: what the contract reads first, then what else came."""
        declared = [column.delivered_name for column in self.table.columns]
        if self.contract.kind == "database":
            declared = [OPERATION, *declared]
        others = (name for cells in found for name in cells or ())
        return [name for name in dict.fromkeys([*declared, *others]) if name not in RESERVED]

    def _typed(self, row: Rejected) -> Cells | None:
        members = _members(row.raw_text or "")
        if members is None:
            return None
        renamed = {column.name: column.delivered_name for column in self.table.columns}
        cells = {renamed.get(name, name): value for name, value in members.items()}
        if self.contract.kind == "database":
            cells[OPERATION] = row.lineage["_operation"]
        return cells

    def _fields(self, text: str, source_file: str) -> Cells | None:
        names = self._header(source_file)
        record = _record(text.splitlines(keepends=True))
        if record is None or len(record) != len(names):
            return None
        return {name: value or None for name, value in zip(names, record, strict=True)}

    def _header(self, source_file: str) -> list[str]:
        if source_file not in self._headers:
            self._headers[source_file] = header_of(self.raw, source_file)
        return self._headers[source_file]


def header_of(raw: ObjectStore, key: str) -> list[str]:
    """The names in the header of a delivered CSV file; none where it is no record."""
    start = b""
    for chunk in raw.stream(key):
        start += chunk
        if len(start) >= _HEADER_BYTES:
            break
    lines = _text(start).lstrip("\ufeff").splitlines(keepends=True)
    header = _record([line for line in lines if line.strip()]) or []
    return [name.strip() for name in header]


def shown(cells: Cells | None, columns: Sequence[str]) -> list[str]:
    """The cells as they are shown: null and empty text look alike."""
    return [(cells or {}).get(name) or "" for name in columns]


def touched(cells: Cells | None, fixed: Mapping[str, str]) -> Cells:
    """What a person wrote in the cells of a record; nothing where none was changed.

    Args:
        cells: the record as it was shown.
        fixed: what the cells say now, by column; columns that are missing were not touched.
    """
    return {
        name: value or None
        for name, value in fixed.items()
        if value != ((cells or {}).get(name) or "")
    }


def _record(lines: Sequence[str]) -> list[str] | None:
    """The first CSV record of these lines, if it is well formed."""
    try:
        return next(csv.reader(lines, strict=True), None)
    except csv.Error:
        return None


def _members(text: str) -> Cells | None:
    """The members of one JSON object, each as text; numbers as they were delivered."""
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    return {str(name): _member(each) for name, each in value.items()}


class _Number(str):
    """A number as it was delivered."""


def _member(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    """A value as JSON again, without blanks, its numbers as they were delivered."""
    if isinstance(value, dict):
        members = (f"{_json(str(name))}:{_json(each)}" for name, each in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _text(content: bytes) -> str:
    if content.startswith(_GZIP):
        # Only its beginning is at hand, which the checksum at the end does not matter for.
        content = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(content, _HEADER_BYTES)
    return content.decode("utf-8", "replace")
