"""Pages of a service's records: windows of time, cursors that cannot be made up, and refusals."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from demo.saas_objects import Place, Row, ServiceObject

PAGE_RECORDS: Final = 1_000
MOST_PAGE_RECORDS: Final = 5_000
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Refusal(Exception):
    """An answer that is no success: a code for programs, a sentence for people."""

    def __init__(
        self, status: int, error: str, detail: str, *, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail
        self.headers = headers


def page(found: ServiceObject, query: Mapping[str, str], *, cursor_key: bytes) -> dict[str, object]:
    """One page of the records that changed in a window: its beginning belongs to it, its end not.

    Raises:
        Refusal: a parameter means nothing, or the cursor was given for something else.
    """
    # One look, as the records may change while they are read.
    rows, fields = found.rows, [name for name, _ in found.fields]
    since, until = query.get("modified_since"), query.get("modified_until")
    start = _place(rows, "modified_since", since) if since else 0
    end = _place(rows, "modified_until", until) if until else len(rows)
    end = max(start, end)
    wanted = _fields(query.get("fields"), fields)
    window = hashlib.sha256(f"{found.name}\0{since}\0{until}\0{wanted}".encode()).hexdigest()[:16]
    cursor = query.get("cursor")
    first = start
    if cursor is not None:
        first = bisect_right(rows, _position(cursor, window, cursor_key), key=lambda row: row[0])
    last = max(first, min(first + _page_size(query.get("page_size")), end))
    records = (dict(zip(fields, values, strict=True)) for _, values in rows[first:last])
    return {
        "records": [{name: record[name] for name in wanted} for record in records],
        "next_cursor": _cursor(rows[last - 1][0], window, cursor_key) if last < end else None,
        "total": end - start,
    }


def _place(rows: Sequence[Row], parameter: str, text: str) -> int:
    """How many records changed before the moment that a parameter gives."""
    return bisect_left(rows, (_milliseconds(parameter, text), -1), key=lambda row: row[0])


def _fields(text: str | None, known: Sequence[str]) -> list[str]:
    if text is None:
        return list(known)
    wanted = text.split(",")
    if unknown := [name for name in wanted if name not in known]:
        raise _bad(f"fields={text!r} names {unknown[0]!r}, which is no field")
    return wanted


def _milliseconds(parameter: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _bad(f"{parameter}={text!r} is no ISO 8601 time with its offset")
    return math.ceil(moment.timestamp() * 1000)


def _page_size(text: str | None) -> int:
    if text is None:
        return PAGE_RECORDS
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PAGE_RECORDS):
        raise _bad(f"page_size={text!r} is no number from 1 to {MOST_PAGE_RECORDS}")
    return int(text)


def _cursor(place: Place, window: str, key: bytes) -> str:
    """A cursor that follows this place, whatever comes or goes before it."""
    content = f"{place[0]}.{place[1]}.{window}"
    return base64.urlsafe_b64encode(f"{content}.{_seal(content, key)}".encode()).decode()


def _position(cursor: str, window: str, key: bytes) -> Place:
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode("ascii")
    except (binascii.Error, UnicodeError):
        text = ""
    content, _, seal = text.rpartition(".")
    moment, _, rest = content.partition(".")
    number, _, its_window = rest.partition(".")
    if not hmac.compare_digest(seal, _seal(content, key)) or its_window != window:
        raise _bad("the cursor was not given for this object and window")
    return int(moment), int(number)


def _seal(content: str, key: bytes) -> str:
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()[:32]


def _bad(detail: str) -> Refusal:
    return Refusal(400, "bad_request", detail)
