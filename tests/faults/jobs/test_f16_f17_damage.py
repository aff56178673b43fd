"""F16 and F17: cut files and poisoned rows cost what is damaged, to the record, and nothing else.

Every batch is one kind of damage; one job takes them all, in the strictest mode. Single spellings
and single kinds of damage have their own tests (test_clean, parity); here the accounts must meet.
"""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark import judging
from spark.failures import RowsUnaccounted
from spark.formats import delimited
from spark.records import Record, records_of

COLUMNS = [
    {"name": "id", "type": "bigint", "nullable": False},
    {"name": "name", "type": "string", "nullable": True},
    {"name": "price", "type": "decimal(12,2)", "nullable": True},
]
HEADER = "id,name,price\n"
GOOD = HEADER + "".join(f"{n},n{n},{n}.50\n" for n in range(1, 2001))
LINES = "".join(f'{{"id":{n},"name":"n{n}","price":{n}.5}}\n' for n in range(1, 2001))


def parquet(rows: int) -> bytes:
    sink = pa.BufferOutputStream()
    prices = pa.array([Decimal(n) for n in range(rows)], pa.decimal128(12, 2))
    names = [f"n{n * 7919}" for n in range(rows)]
    pq.write_table(pa.table({"id": list(range(rows)), "name": names, "price": prices}), sink)
    return sink.getvalue().to_pybytes()


# (rows published, rules of what was quarantined) of each damaged file; None: the batch is refused.
Account = tuple[int, list[str]] | None
CUT: dict[str, dict[str, tuple[bytes, Account]]] = {
    "csv": {
        "whole": (GOOD.encode(), (2000, [])),
        "half-a-row": ((GOOD + "2001,half").encode(), (2000, ["structure"])),
        "half-a-quoted-value": ((GOOD + '2001,"half').encode(), (2000, ["structure"])),
        "half-a-header": (b"id,na", None),
        "half-a-gzip": (gzip.compress(GOOD.encode())[:-900], (0, ["file"])),
        "nothing": (b"", (0, [])),
        "nothing-zipped": (gzip.compress(b""), (0, [])),
    },
    "json": {
        "whole": (LINES.encode(), (2000, [])),
        "half-a-row": ((LINES + '{"id":2001,"na').encode(), (2000, ["structure"])),
        "half-a-gzip": (gzip.compress(LINES.encode())[:-900], (0, ["file"])),
        "nothing": (b"", (0, [])),
    },
    "parquet": {
        "whole": (parquet(2000), (2000, [])),
        "without-its-footer": (parquet(2000)[:-8], (0, ["file"])),
        "half-of-it": (parquet(2000)[: len(parquet(2000)) // 2], (0, ["file"])),
        "nothing": (b"", (0, ["file"])),
    },
}


def accounts(cleaned: Any) -> dict[str, Account]:
    found: dict[str, Account] = {}
    for batch_id, result in cleaned.results.items():
        kept = sum(row["_batch_id"] == batch_id for row in cleaned.rows)
        rules = [row["rule"] for row in cleaned.quarantine if row["_batch_id"] == batch_id]
        assert result["rows_in"] == kept + len(rules)
        held = "held" in result["details"]
        found[batch_id.removeprefix("2017-01-09-")] = None if held else (kept, sorted(rules))
    return found


def deliver_cut(cleaner: Any, file_format: str) -> None:
    for case, (content, _) in CUT[file_format].items():
        zipped = ".gz" if "zip" in case else ""
        name = f"{case}.{file_format}{zipped}"
        cleaner.deliver(name, content, batch=f"2017-01-09-{case}")


def expect_cut_files_accounted_for(cleaner: Any, file_format: str) -> None:
    deliver_cut(cleaner, file_format)
    cleaned = cleaner.clean(file_format, columns=COLUMNS, drift="strict")
    assert accounts(cleaned) == {case: account for case, (_, account) in CUT[file_format].items()}


@pytest.fixture
def sail_cleaner(session: SparkSession, tmp_path: Path, make_cleaner: Any) -> Any:
    return make_cleaner(session, tmp_path)


@pytest.mark.parametrize("file_format", CUT)
def test_f16_a_cut_file_costs_what_was_cut(sail_cleaner: Any, file_format: str) -> None:
    expect_cut_files_accounted_for(sail_cleaner, file_format)


@pytest.mark.long
@pytest.mark.parametrize("file_format", CUT)
def test_f16_a_cut_file_costs_the_same_on_both_engines(cleaner: Any, file_format: str) -> None:
    expect_cut_files_accounted_for(cleaner, file_format)


def test_f16_without_the_rule_for_whole_files_a_cut_gzip_gives_half_of_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content, _ = CUT["json"]["half-a-gzip"]
    assert [record.broken for record in records(content)] == ["file"]

    def whatever_is_there(content: bytes) -> list[str]:
        text = zlib.decompressobj(wbits=31).decompress(content).decode()
        return text.splitlines(keepends=True)

    monkeypatch.setattr("spark.records._lines", whatever_is_there)

    assert 100 < sum(record.broken is None for record in records(content)) < 2000


def records(content: bytes) -> list[Record]:
    return list(records_of(content, "json", ("id",)))


def test_f16_a_parser_that_loses_a_record_is_found_out(
    sail_cleaner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sail_cleaner.deliver("a.csv", GOOD)
    good_rows = judging.good_rows

    def losing_one(*given: Any) -> Any:
        return good_rows(*given).where("id <> 1000")

    monkeypatch.setattr(judging, "good_rows", losing_one)
    with pytest.raises(RowsUnaccounted, match="1999 records parsed, expected 2000"):
        sail_cleaner.clean("csv", columns=COLUMNS, drift="strict")

    # Without that count the row is gone, and every other number agrees with it.
    monkeypatch.setattr(judging, "expect_records", lambda *_: None)
    cleaned = sail_cleaner.clean("csv", columns=COLUMNS, drift="strict")
    assert accounts(cleaned) == {"a": (1999, [])}


POISONED = [
    {"name": "id", "type": "bigint", "nullable": False},
    {"name": "name", "type": "string", "nullable": True},
    {"name": "ratio", "type": "double", "nullable": True},
    {"name": "day", "type": "date", "nullable": True},
    {"name": "at", "type": "timestamp", "nullable": True},
]
Values = tuple[Any, ...]


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


# A line of CSV, and what becomes of it: its values, or the rule and the line that quarantine shows.
POISON: list[tuple[bytes, Values | tuple[str, str]]] = [
    (b"1,plain,0.5,2017-01-05,2017-01-05 10:00:00",
     (1, "plain", 0.5, date(2017, 1, 5), moment(2017, 1, 5, 10))),
    (b"x2,bad number,,,", ("type", "x2,bad number,,,")),
    (b"3,bad \xff byte,,,", ("encoding", "3,bad \\xff byte,,,")),
    (b'4,"line\nbreak",,,', (4, "line\nbreak", None, None, None)),
    (b'5,"say ""no""",,,', (5, 'say "no"', None, None, None)),
    (b"6,NULL,,,", (6, "NULL", None, None, None)),
    (b"7,,,,", (7, None, None, None, None)),
    (b"8,not a number,NaN,,", ("type", "8,not a number,NaN,,")),
    (b"9,the end of time,,9999-12-31,9999-12-31 23:59:59.999999",
     (9, "the end of time", None, date(9999, 12, 31), moment(9999, 12, 31, 23, 59, 59, 999999))),
    (b"10,no such hour,,,2017-01-05 24:00:00", ("type", "10,no such hour,,,2017-01-05 24:00:00")),
    # Times without a zone are UTC, which has no gap in March.
    (b"11,gap,,,2017-03-26 02:30:00", (11, "gap", None, None, moment(2017, 3, 26, 2, 30))),
    (b'12,"a" quote,,,', ("structure", '12,"a" quote,,,')),
    (b"13,too,few", ("structure", "13,too,few")),
    (b"14,no such day,,2017-02-29,", ("type", "14,no such day,,2017-02-29,")),
]  # fmt: skip


def expect_poison_accounted_for(cleaner: Any) -> None:
    lines = b"\n".join([b"id,name,ratio,day,at", *(line for line, _ in POISON), b""])
    cleaner.deliver("a.csv", lines)
    cleaned = cleaner.clean("csv", columns=POISONED, drift="strict")
    names = [column["name"] for column in POISONED]
    kept = sorted(tuple(row[name] for name in names) for row in cleaned.rows)
    assert kept == sorted(found for _, found in POISON if isinstance(found[0], int))
    rejected = {(row["rule"], row["raw_text"]) for row in cleaned.quarantine}
    assert rejected == {found for _, found in POISON if isinstance(found[0], str)}
    assert len(cleaned.quarantine) == len(rejected)
    # Where it stands: the fourth record has two lines.
    [place] = [r["_row_number"] for r in cleaned.quarantine if r["raw_text"] == "13,too,few"]
    assert place == 15


def test_f17_a_poisoned_row_is_quarantined_with_its_bytes_and_line(sail_cleaner: Any) -> None:
    expect_poison_accounted_for(sail_cleaner)


@pytest.mark.long
def test_f17_a_poisoned_row_is_quarantined_alike_on_both_engines(cleaner: Any) -> None:
    expect_poison_accounted_for(cleaner)


def test_f17_json_tells_null_from_the_word_and_refuses_what_is_no_json(sail_cleaner: Any) -> None:
    lines = [
        '{"id":1,"name":null}',
        '{"id":2,"name":"NULL"}',
        '{"id":3,"name":""}',
        '{"id":4,"ratio":NaN}',
        '{"id":5,"ratio":1e400}',
        '{"id":"6","name":"a\\nb"}',
    ]
    sail_cleaner.deliver("a.json", "\n".join(lines) + "\n")
    cleaned = sail_cleaner.clean("json", columns=POISONED, drift="strict")
    assert cleaned.values("id", "name") == [(1, None), (2, "NULL"), (3, ""), (6, "a\nb")]
    assert sorted(row["raw_text"] for row in cleaned.quarantine) == [lines[3], lines[4]]


def test_f17_parquet_lets_no_nan_and_no_time_beyond_the_calendar_in(sail_cleaner: Any) -> None:
    sink = pa.BufferOutputStream()
    table = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "name": ["a", "b", "c"],
            "ratio": [0.5, float("nan"), float("inf")],
            "day": pa.array([date(9999, 12, 31)] * 3),
            "at": pa.array([moment(9999, 12, 31)] * 3, pa.timestamp("us", tz="UTC")),
        }
    )
    pq.write_table(table, sink)
    sail_cleaner.deliver("a.parquet", sink.getvalue().to_pybytes())
    cleaned = sail_cleaner.clean("parquet", columns=POISONED, drift="strict")
    assert cleaned.values("id", "day", "at") == [(1, date(9999, 12, 31), moment(9999, 12, 31))]
    assert cleaned.problems() == [("ratio", "type"), ("ratio", "type")]


def expect_a_huge_cell_to_be_a_cell(cleaner: Any, megabytes: int) -> None:
    huge = "x" * (megabytes * 1024 * 1024)
    cleaner.deliver("a.csv", f"{HEADER}1,{huge},1.00\n2,small,x\n3,small,3.00\n")
    cleaned = cleaner.clean("csv", columns=COLUMNS, drift="strict")
    assert {row["id"]: len(row["name"]) for row in cleaned.rows} == {1: len(huge), 3: 5}
    assert cleaned.problems() == [("price", "type")]


def test_f17_a_cell_of_megabytes_is_a_cell(sail_cleaner: Any) -> None:
    expect_a_huge_cell_to_be_a_cell(sail_cleaner, 8)


@pytest.mark.long
def test_f17_a_cell_of_a_hundred_megabytes_is_a_cell(sail_cleaner: Any) -> None:
    expect_a_huge_cell_to_be_a_cell(sail_cleaner, 100)


def test_f17_without_the_look_at_every_line_a_misplaced_quote_is_published(
    sail_cleaner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = HEADER + '1,"a" quote,1.00\n2,good,2.00\n'
    sail_cleaner.deliver("a.csv", lines)
    cleaned = sail_cleaner.clean("csv", columns=COLUMNS, drift="strict")
    assert (cleaned.values("id"), cleaned.problems()) == ([(2,)], [(None, "structure")])

    monkeypatch.setattr(delimited, "DOUBTFUL", "false")

    forgiving = sail_cleaner.clean("csv", columns=COLUMNS, drift="strict")
    assert (forgiving.values("id"), forgiving.problems()) == ([(1,), (2,)], [])
