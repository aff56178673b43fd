"""Whatever a record holds, it is one line of its file, and can be had back from it."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from product360_assets.ingestion.event_lines import AGGREGATED, is_aggregated, line_of

LINES = [
    b'{"event_id": "1"}',
    b'{"event_id": "1"}\n',
    b'{"event_id": "1"}\r\n',
    # Not JSON, not UTF-8: the line can stand in a file, and is judged there.
    b"no JSON at all",
    b"\xff\xfe\x00",
    '{"name": "\u2028\x85\x0b"}'.encode(),
]
NO_LINES = {
    b'{\n"event_id": 1}': "a record of several lines",
    b'{"event_id": 1}\n{"event_id": 2}\n': "a record of several lines",
    b'{"event_id": 1}\r{"event_id": 2}': "a record of several lines",
    b"\xff\n\xfe": "a record of several lines",
    b"": "an empty record",
    b" \t\r\n\x00": "an empty record",
    b'\xef\xbb\xbf{"event_id": 1}': "a record that begins with a byte order mark",
    AGGREGATED + b"\x0a\x01a{}": "several events in one record",
}


@pytest.mark.parametrize("data", LINES)
def test_a_record_that_is_a_line_is_written_as_it_came(data: bytes) -> None:
    assert line_of(data) == data.removesuffix(b"\n") + b"\n"


@pytest.mark.parametrize("data", NO_LINES)
def test_any_other_says_what_is_wrong_with_it_and_holds_the_whole_record(data: bytes) -> None:
    reason, content = json.loads(line_of(data))
    assert reason.startswith(NO_LINES[data])
    is_encoded = reason.endswith(", in Base64")
    assert (base64.b64decode(content) if is_encoded else content.encode()) == data


def test_what_the_producer_library_aggregates_is_known_by_how_it_begins() -> None:
    assert [is_aggregated(data) for data in NO_LINES] == [False] * 7 + [True]


@given(st.lists(st.binary(max_size=12) | st.sampled_from([*LINES, *NO_LINES]), max_size=9))
def test_a_file_has_as_many_lines_that_hold_something_as_records(records: list[bytes]) -> None:
    text = b"".join(map(line_of, records)).decode("utf-8", "surrogateescape")
    # As Python reads text from a file, which splits at every kind of line end.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(records)
    assert all(line.strip("".join(map(chr, range(33)))) for line in lines)
    assert not text.startswith("\ufeff")
