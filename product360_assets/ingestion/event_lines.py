"""What a stream's record is in a file of JSON lines: one line, whatever the record holds.

A record that is one line is written as it came. Any other would break the file, or be lost in it:
it becomes a JSON list of what is wrong with it and its text, or its bytes in Base64 where they are
no text. A list is no event, so it goes to quarantine, with the whole record in it.

The hazard is a record that holds many events in a form of its own, as the Kinesis Producer Library
aggregates them: as a line it would be garbage. It is set aside like the others, and named.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress

# How the Kinesis Producer Library begins what it aggregates.
AGGREGATED = b"\xf3\x89\x9a\xc2"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A line of these alone is none to those who read files of lines.
_BLANK = bytes(range(33))


def line_of(data: bytes) -> bytes:
    """The record as one line, with its end."""
    reason = _no_line(data)
    if reason is None:
        return data if data.endswith(b"\n") else data + b"\n"
    return json.dumps(_shown(reason, data)).encode() + b"\n"


def is_aggregated(data: bytes) -> bool:
    """Whether the Kinesis Producer Library made one record of several."""
    return data.startswith(AGGREGATED)


def _no_line(data: bytes) -> str | None:
    """Why this cannot stand in a file as it is; None when it can."""
    if is_aggregated(data):
        return "several events in one record, as the Kinesis Producer Library aggregates them"
    if not data.strip(_BLANK):
        return "an empty record"
    if data.startswith(_BYTE_ORDER_MARK):
        return "a record that begins with a byte order mark"
    body = data.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in body or b"\r" in body:
        return "a record of several lines"
    return None


def _shown(reason: str, data: bytes) -> list[str]:
    if not is_aggregated(data):
        with suppress(UnicodeDecodeError):
            return [reason, data.decode()]
    return [f"{reason}, in Base64", base64.b64encode(data).decode()]
