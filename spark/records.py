"""Records of delivered text, taken apart strictly and one by one, by Python alone.

Only bad records are lost. A quote that never closes must not swallow the rest of its file: a
record may run over a thousand lines, then its first line alone is broken and reading goes on behind
it. A compressed file that is cut or corrupt gives no record at all: its checksum vouches for none
of them.

A file is held in memory whole. The job reads so what no fast parser may have, and whoever corrects
a rejected record finds it so in raw.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# What can be wrong with a record before its values are looked at, and with a whole file.
STRUCTURE, FILE, ENCODING = "structure", "file", "encoding"
LONGEST_RECORD_LINES = 1000
GZIP = b"\x1f\x8b"
GZIP_ERRORS = (OSError, EOFError, zlib.error)
# What a blank line may hold, as in `spark.formats.text`.
BLANK = "".join(map(chr, range(33)))


@dataclass(frozen=True)
class Record:
    """One record: its line (from 1), its text, its fields by name, or what is wrong with it."""

    line: int | None
    text: str | None
    fields: dict[str, str | None]
    broken: str | None = None
    reason: str | None = None


def names_of(content: bytes, kind: str) -> list[str]:
    """Names of a file's columns: a CSV header's as they stand, sorted for JSON."""
    if kind == "csv":
        return _header_of(content)
    return sorted({name for record in records_of(content, kind, ()) for name in record.fields})


def records_of(content: bytes, kind: str, names: Sequence[str]) -> Iterator[Record]:
    """Every record of a file, good or broken; blank lines are none.

    Args:
        content: the file, compressed or not.
        kind: "csv" or "json".
        names: the fields that are looked for; a CSV header must hold one of them.
    """
    try:
        lines = _lines(content)
    except GZIP_ERRORS as error:
        reason = f"expected a whole gzip file, found: {error}"
        yield Record(None, None, {}, broken=FILE, reason=reason)
        return
    yield from _csv_records(lines, names) if kind == "csv" else _json_records(lines)


def _lines(content: bytes) -> list[str]:
    plain = gzip.decompress(content) if content.startswith(GZIP) else content
    # Bytes that are no UTF-8 become lone surrogates, which text never holds, and so stay findable.
    text = plain.decode("utf-8", "surrogateescape").lstrip("\ufeff")
    return list(io.StringIO(text, newline=""))


def _header_of(content: bytes) -> list[str]:
    try:
        records = _raw_csv_records(_lines(content))
    except GZIP_ERRORS:
        return []
    values = next((values for _, _, values, error in records if not error), [])
    return [_readable(name.strip()) for name in values]


def header_refused(header: str) -> str:
    """Why a CSV file with this header gives no record."""
    return f"expected a header of different names, one at least declared; found: {header[:200]}"


def _json_records(lines: Sequence[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if not line.strip(BLANK):
            continue
        try:
            # Numbers stay the text that was delivered.
            value = json.loads(line, parse_float=_Number, parse_int=_Number, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            yield _broken(number, line, f"expected one JSON object a line, found: {error}")
            continue
        if isinstance(value, dict):
            fields = {name: _json_text(each) for name, each in value.items()}
            yield _whole(number, line, fields)
        else:
            yield _broken(number, line, "expected one JSON object a line, found another value")


def _csv_records(lines: Sequence[str], wanted: Sequence[str]) -> Iterator[Record]:
    # The limit is the process's; what is delivered decides how long a field is.
    csv.field_size_limit(2**31 - 1)
    names: list[str] | None = None
    for start, end, values, error in _raw_csv_records(lines):
        text = "".join(lines[start:end])
        if names is None:
            names = [name.strip() for name in values]
            folded = {name.casefold() for name in names}
            if len(folded) != len(names) or not set(names) & set(wanted):
                yield Record(None, None, {}, broken=FILE, reason=header_refused(_readable(text)))
                return
        elif error:
            yield _broken(start + 1, text, error)
        elif len(values) != len(names):
            reason = f"expected {len(names)} fields, found {len(values)}"
            yield _broken(start + 1, text, reason)
        else:
            fields = {name: value or None for name, value in zip(names, values)}
            yield _whole(start + 1, text, fields)


def _raw_csv_records(
    lines: Sequence[str],
) -> Iterator[tuple[int, int, list[str], str | None]]:
    """(first line, line after the last, fields, error) of each record, in order."""
    position = 0
    width: int | None = None
    while position < len(lines):
        if not lines[position].strip(BLANK):
            position += 1
            continue
        window = lines[position : position + LONGEST_RECORD_LINES]
        if '"' not in window[0]:
            # The common case, and much faster than a reader of its own.
            window = window[:1]
        reader = csv.reader(window, strict=True)
        try:
            values, error = next(reader), None
        except csv.Error as failure:
            values, error = [], f"expected a CSV record, found: {failure}"
        width = len(values) if width is None else width
        # A broken record ends with its first line: what follows may be good.
        is_bad = error is not None or len(values) != width
        end = position + (1 if is_bad else reader.line_num)
        yield position, end, values, error
        position = end


def _whole(line: int, text: str, fields: dict[str, str | None]) -> Record:
    if _is_damaged(text) or any(_is_damaged(value) for value in fields.values() if value):
        reason = "expected UTF-8, found other bytes"
        return Record(line, _readable(text), {}, broken=ENCODING, reason=reason)
    return Record(line, text.rstrip("\r\n"), fields)


def _broken(line: int, text: str, reason: str) -> Record:
    return Record(line, _readable(text), {}, broken=STRUCTURE, reason=_readable(reason))


def _is_damaged(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _readable(text: str) -> str:
    r"""The text with every damaged byte as \xNN."""
    return (
        text.rstrip("\r\n").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )


class _Number(str):
    """A number as it was delivered."""


def _json_text(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    """A value as JSON again, without blanks."""
    if isinstance(value, dict):
        members = (f"{_json(str(name))}:{_json(each)}" for name, each in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
