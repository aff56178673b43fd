"""Pages of a service's records: windows of time, cursors that cannot be made up, and refusals."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from demo.saas_objects import ServiceObject

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
    since, until = query.get("modified_since"), query.get("modified_until")
    start = bisect_left(found.modified_ms, _milliseconds("modified_since", since)) if since else 0
    end = len(found.records)
    if until:
        end = bisect_left(found.modified_ms, _milliseconds("modified_until", until))
    end = max(start, end)
    window = hashlib.sha256(f"{found.name}\0{since}\0{until}".encode()).hexdigest()[:16]
    cursor = query.get("cursor")
    first = start if cursor is None else _position(cursor, window, cursor_key)
    last = min(first + _page_size(query.get("page_size")), end)
    names = [name for name, _ in found.fields]
    return {
        "records": [dict(zip(names, row, strict=True)) for row in found.records[first:last]],
        "next_cursor": _cursor(last, window, cursor_key) if last < end else None,
        "total": end - start,
    }


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


def _cursor(position: int, window: str, key: bytes) -> str:
    content = f"{position}.{window}"
    return base64.urlsafe_b64encode(f"{content}.{_seal(content, key)}".encode()).decode()


def _position(cursor: str, window: str, key: bytes) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode("ascii")
    except (binascii.Error, UnicodeError):
        text = ""
    content, _, seal = text.rpartition(".")
    position, _, its_window = content.partition(".")
    if not hmac.compare_digest(seal, _seal(content, key)) or its_window != window:
        raise _bad("the cursor was not given for this object and window")
    return int(position)


def _seal(content: str, key: bytes) -> str:
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()[:32]


def _bad(detail: str) -> Refusal:
    return Refusal(400, "bad_request", detail)
