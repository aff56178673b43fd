"""The strict reader: every record found, every mistake confined to its line."""

from __future__ import annotations

import csv
import gzip
import io
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from spark.records import Record, records_of


def read(
    content: bytes | str, kind: str = "csv", names: tuple[str, ...] = ("a", "b")
) -> list[Record]:
    data = content.encode() if isinstance(content, str) else content
    return list(records_of(data, kind, names))


def good(records: list[Record]) -> list[tuple[str | None, ...]]:
    return [tuple(each.fields.values()) for each in records if each.broken is None]


def bad(records: list[Record]) -> list[tuple[int | None, str | None]]:
    return [(each.line, each.broken) for each in records if each.broken is not None]


# A field without characters is null, and a line of nothing but blanks is no record.
TEXT = st.text(alphabet='a1 ,"\n\r\\é\u2028\U0001f600', max_size=6).filter(
    lambda text: text.strip()
)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str]], end: str) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    records = read(sink.getvalue())
    assert (good(records), bad(records)) == (rows, [])


def test_a_quote_that_never_closes_costs_its_line() -> None:
    records = read('a,b\n1,"x\n2,y\n3,z\n')
    assert good(records) == [("2", "y"), ("3", "z")]
    assert bad(records) == [(2, "structure")]


def test_many_quotes_that_never_close_do_not_take_for_ever() -> None:
    started = time.monotonic()
    records = read("a,b\n" + '1,"x\n' * 2001)
    assert time.monotonic() - started < 20
    assert len(records) >= 1000


def test_a_record_of_too_many_fields_does_not_take_its_neighbours_along() -> None:
    records = read('a,b\n1,"x\n2",y,z\n3,w\n')
    assert good(records) == [("3", "w")]
    assert bad(records) == [(2, "structure"), (3, "structure")]


def test_line_numbers_are_those_of_an_editor() -> None:
    records = read('a,b\n\n1,"x\ny"\n2,z\n3\n')
    assert [each.line for each in records] == [3, 5, 6]


def test_long_fields_are_fields() -> None:
    assert good(read("a,b\n1," + "x" * 300_000 + "\n")) == [("1", "x" * 300_000)]


def test_json_numbers_stay_the_text_that_was_delivered() -> None:
    line = '{"a":1.50,"b":[0.10,{"c":12345678901234567890.5}]}'
    assert good(read(line, "json")) == [("1.50", '[0.10,{"c":12345678901234567890.5}]')]


def test_json_that_is_nested_beyond_reason_is_one_bad_line() -> None:
    records = read("[" * 100_000 + '\n{"a":1}\n', "json")
    assert good(records) == [("1",)]
    assert bad(records) == [(1, "structure")]


def test_a_damaged_header_is_shown_as_it_is() -> None:
    (record,) = read(b"x\xff,y\n1,2\n")
    assert record.broken == "file"
    assert record.reason is not None
    assert record.reason.endswith("found: x\\xff,y")


def test_compressed_files_are_read_whole_or_not_at_all() -> None:
    whole = gzip.compress(b"a,b\n1,2\n")
    assert good(read(whole)) == [("1", "2")]
    for end in range(2, len(whole)):
        assert bad(read(whole[:end])) == [(None, "file")], end
