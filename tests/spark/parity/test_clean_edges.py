"""The clean job makes the same rows, the same quarantine and the same report of odd deliveries.

Every spelling below is delivered in a column of every type, so each meets the readers and the rules
of typing alone: it becomes the same value on both engines, or the same rejected record.
"""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import edges
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from comparing import difference

from resources.environments import Engine
from resources.jobs import JobRequest, JobResult
from resources.local import engines
from resources.local.runner import LocalJobRunner

pytestmark = pytest.mark.spark

ENGINES: tuple[Engine, Engine] = ("sail", "spark")
TYPES = {
    "text": "string",
    "small": "int",
    "big": "bigint",
    "money": "decimal(12,2)",
    "exact": "decimal(38,10)",
    "ratio": "double",
    "truth": "boolean",
    "day": "date",
    "moment": "timestamp",
}
# Each alone in a field, without a quote, a comma or a line's end; two blanks lie between two.
SPELLINGS = r"""
0  -0  00  007  +5  -5  --5  +-5  5-  1_000  1 000  0x10  1e3  1E+3  1e-3  1.5e3  1e  e3  .5  5.  .
1e400  -1e400  1e-400  1.005  1.50  2147483647  2147483648  -2147483648  9223372036854775807
9223372036854775808  9999999999.99  10000000000.00  0.1234567890  0.12345678901  1.5f  1.5d  5L
1111111111111111111111111111  11111111111111111111111111111  123456789012345678.125  $5  5%
0.333333333333333333333333333333333333333333333  NaN  nan  -NaN  Infinity  inf  -Infinity  null
true  TRUE  True  t  T  yes  y  no  on  off  1  2  false  F  fAlSe  NULL  None  \N  epoch  now
today  2017-02-28  2017-02-29  2017-02-30  2016-02-29  1900-02-29  2017-1-5  2017-01-5  17-01-05
2017/01/05  20170105  05.01.2017  2017-13-01  2017-00-01  2017-01-00  0000-12-31  0001-01-01
1582-10-10  9999-12-31  10000-01-01  +2017-01-05  -2017-01-05  2017-01-05T  2017-01
2017  2017-01-05 10  2017-01-05Z  2017-03-12 02:30:00  2017-11-05 01:30:00
2017-03-12T02:30:00  2017-03-12t02:30:00
2017-03-12 02:30:00Z  2017-03-12 02:30:00z  2017-03-12 02:30:00+02  2017-03-12 2:30:00
2017-03-12 02:30:00+02:00  2017-03-12 02:30:00+0200  2017-03-12 02:30:00-14:00
2017-03-12 02:30:00+18:00  2017-03-12 02:30:00+19:00  2017-03-12 02:30:00+02:60
2017-03-12 02:30:00 UTC  2017-03-12 02:30:00 America/New_York  2017-03-12 02:30:00 EST
2016-12-31 23:59:59  2016-12-31 23:59:60  2016-12-31 24:00:00  2016-12-31 23:60:00
1969-12-31 23:59:59.999999  1969-12-31 23:59:59.9999999  2017-01-05 10:11:12.  1483610000
0001-01-01 00:00:00  0001-01-01 00:00:00+14:00  9999-12-31 23:59:59.999999
9999-12-31 23:59:59-14:00  1883-11-18 12:03:58  \  \n  \u0041  {}  []  =1+1  '  it's  `  a;b  |
#5  //  %00  é  שלום
"""
PLAIN = [
    *re.split(r"\s{2,}|\n", SPELLINGS.strip()),
    *(" ", "  ", " 5 ", "\t5", "5\t", "\u00a05", "\u20035", "\u200b5", "\ufeff5", "5\x00", "\x07"),
    *("\x1f", "\u2028", "\x85", "e\u0301", "\u202eabc", "\u0661\u0662", "\uff15", "\u00bd"),
    *("\U0001f600", "a\U0001f468\u200d\U0001f469"),
]
QUOTED = ["", ",", "a,b", '"', 'a""b', "a\nb", "a\r\nb", "\n", "1\n", " \n ", "5,5", "2017-01-05\n"]
# As they stand in a line of JSON, without quotes around them.
LITERALS = [
    *("0", "-0", "-0.0", "1.0", "1.10", "1e3", "1E400", "1e-7", "0.1", "123456789012345678.125"),
    *("9007199254740993", "9223372036854775808", "12345678901234567890123456789", "true", "false"),
    *("null", "NaN", "Infinity", "-Infinity", "+5", "05", "0x10", ".5", "5.", "1_000", "True"),
    *("'a'", "[]", "{}", "[1,2]", '{"a":1.50}', '[null,{"b":"c"}]', '"\\u0000"', '"\\/"', '"\\x"'),
    *('"\\ud83d\\ude00"', '"\\ud83d"', '"a\\nb"', '"\\u202e"', "undefined", ""),
]
# What nearly makes a number, a day or a moment.
PIECES = [
    *("0", "1", "9", "5", "00", "12", "2017", "9999", "0001", "-", "-", "+", ".", ".", "e", "E"),
    *("T", "Z", " ", ":", "-02-28", "-02-29", "-12-31", " 23:59:59", "T00:00:00", ".999999"),
    *("+02:00", "123456789", "99999999999999999999", "_", "true", "f", "é", "\u0663"),
]


@dataclass(frozen=True)
class Made:
    """What one engine's job made of one delivery."""

    clean: pa.Table
    quarantine: pa.Table
    result: JobResult


# By engine and format.
Outcomes = dict[Engine, dict[str, Made]]


def csv_files(drawn: list[str]) -> dict[str, bytes]:
    header = ",".join(["id", *TYPES])
    plain = [record(number, at, text) for number, (at, text) in enumerate(each_type(PLAIN))]
    random_ones = [
        record(number, at, text) for number, (at, text) in enumerate(each_type(drawn), 1_000_000)
    ]
    quoted = [
        record(number, at, '"' + text.replace('"', '""') + '"')
        for number, (at, text) in enumerate(each_type(QUOTED), start=10_000)
    ]
    long = "é\U0001f600 " * 130_000
    few = [header, record(20_000, 0, "x"), record(20_001, 3, "1.50"), record(20_002, 7, "x")]
    texts = {
        "plain": "\n".join([header, *plain]),
        "drawn": "\n".join([header, *random_ones]),
        "quoted": "\n".join([header, *quoted]),
        "long": "\n".join([header, record(30_000, 0, long), record(30_001, 1, long)]),
        "long and quoted": "\n".join([header, record(30_002, 0, f'"{long}\n"')]),
        "byte order mark": "\ufeff" + "\n".join(few),
        "carriage returns": "\r\n".join(few) + "\r\n",
        "header twice": "\n".join([header, *few]),
        "header in capitals": "ID,TEXT\n40001,x\n",
        "short and long records": f"{header}\n40002,x\n" + record(40_003, 0, "x") + ",more\n",
    }
    return {f"{name}.csv": text.encode() for name, text in texts.items()}


def record(number: int, at: int, text: str) -> str:
    """A line with a number and one field that says something."""
    fields = ["" for _ in TYPES]
    fields[at] = text
    return ",".join([str(number), *fields])


def each_type(texts: list[str]) -> Iterator[tuple[int, str]]:
    return ((at, text) for text in texts for at in range(len(TYPES)))


def json_files(drawn: list[str]) -> dict[str, bytes]:
    names = list(TYPES)
    strings = [
        json.dumps({"id": number, names[at]: text}, ensure_ascii=number % 2 == 0)
        for number, (at, text) in enumerate(each_type([*PLAIN, *QUOTED]))
    ]
    numbers = [
        f'{{"id":{number},"{names[at]}":{text}}}'
        for number, (at, text) in enumerate(each_type(drawn), start=1_000_000)
    ]
    literals = [
        f'{{"id":{number},"{names[at]}":{text}}}'
        for number, (at, text) in enumerate(each_type(LITERALS), start=10_000)
    ]
    long = json.dumps({"id": 20_000, "text": 'é\U0001f600" ' * 130_000}, ensure_ascii=False)
    few = ['{"id":20001,"text":"x"}', '{"id":20002,"text":"x","text":"y"}', '{"ID":20003}', "{}"]
    texts = {
        "strings": "\n".join(strings),
        "literals": "\n".join(literals),
        "drawn": "\n".join(numbers),
        "long": f'{long}\n{{"id":20004,"größe":"L","text":"x"}}',
        "byte order mark": "\ufeff" + "\n".join(few),
        "carriage returns": "\r\n".join(few) + "\r\n",
        "one array": '[{"id":20005},{"id":20006}]',
        "pretty": json.dumps({"id": 20_007, "text": "x"}, indent=2),
    }
    return {f"{name}.json": text.encode() for name, text in texts.items()}


def parquet_files(drawn: list[str]) -> dict[str, bytes]:
    numbers = pa.array([0, 1, -1, 2**31 - 1, 2**31, -(2**63), 2**63 - 1, None], pa.int64())
    moments = [*edges.TIMES, None]
    local = pa.array([at and at.replace(tzinfo=None) for at in moments], pa.timestamp("us"))
    money = pa.array([*edges.MONEY, None], pa.decimal128(12, 2))
    doubles = pa.array([*edges.DOUBLES, 1.005, 1e9 + 0.01, 2.0**53, 2.0**63, None])
    texts = pa.array([*drawn, None])
    days = pa.array([*edges.DATES, None])
    columns = {
        "integers": dict.fromkeys(("small", "big", "money", "exact", "text"), numbers),
        "halves": {"ratio": pa.array([0.5, float("nan"), 1e30, None], pa.float32())},
        "doubles": dict.fromkeys(("ratio",), doubles),
        "double money": dict.fromkeys(("money",), doubles),
        "double numbers": dict.fromkeys(("big",), doubles),
        "double text": {"text": pa.array([1.5, None, 100.0])},
        "decimals": dict.fromkeys(("money", "exact", "text"), money),
        "fine decimals": {"money": pa.array([Decimal("1.000"), Decimal("1.005")])},
        "texts": dict.fromkeys(("text", "moment"), texts),
        "typed texts": dict.fromkeys(TYPES, pa.array(["5", "x", "", None])),
        "large texts": {"text": pa.array([edges.MEGABYTE, "x", None], pa.large_string())},
        "repeated texts": {"text": pa.array(["x", "é", None, "x"]).dictionary_encode()},
        "nothing": dict.fromkeys(("text", "money"), pa.nulls(3)),
        "truths": dict.fromkeys(("truth", "text"), pa.array([True, False, None])),
        "days": dict.fromkeys(("day", "moment"), days),
        "moments": {"moment": pa.array(moments, pa.timestamp("us", "UTC"))},
        "local moments": dict.fromkeys(("moment",), local),
        "moments as days": dict.fromkeys(("day",), local),
        "milliseconds": {"moment": pa.array([0, -1, 1483228800001], pa.timestamp("ms", "UTC"))},
        "tiny numbers": {"big": pa.array([1, -128, None], pa.int8())},
        "no rows": {"text": pa.array([], pa.string())},
    }
    files = {}
    for place, (name, values) in enumerate(columns.items()):
        count = len(next(iter(values.values())))
        ids = pa.array(range(place * 10_000, place * 10_000 + count), pa.int64())
        sink = io.BytesIO()
        pq.write_table(pa.table({"id": ids, **values}), sink)
        files[f"{name}.parquet"] = sink.getvalue()
    return files


def drawn_texts(seed: int, count: int) -> list[str]:
    """Texts that are nearly numbers, days or moments."""
    dice = random.Random(seed)
    return ["".join(dice.choice(PIECES) for _ in range(dice.randrange(1, 8))) for _ in range(count)]


# Written by pandas from a category; Sail does not know the type.
REFUSED_BY_SAIL = "repeated texts.parquet"
DELIVERIES = {"csv": csv_files, "json": json_files, "parquet": parquet_files}


def request_of(kind: str, files: Mapping[str, Path], home: Path) -> JobRequest:
    columns: list[dict[str, Any]] = [
        {"name": name, "source_name": name, "type": wanted, "nullable": True, "allowed": None}
        for name, wanted in {"id": "bigint", **TYPES}.items()
    ]
    spec = {
        "source": "edge",
        "table": kind,
        "format": kind,
        "columns": columns,
        "key": ["id"],
        "rules": [
            {"name": "is_not_red", "expression": "text <> 'x'", "action": "warn"},
            {"name": "is_not_much", "expression": "money < 5000000", "action": "quarantine"},
        ],
        "unique": {"action": "quarantine"},
        "batches": [
            {
                "batch_id": "2018-01-01-a",
                "landing_date": "2018-01-01",
                "epoch": "0",
                "files": [{"uri": f"file://{path}", "name": name} for name, path in files.items()],
            }
        ],
        "output": f"file://{home}/lake/clean/edge/{kind}/unit=1",
        "quarantine": f"file://{home}/lake/clean/quarantine/edge/{kind}/unit=1",
    }
    return JobRequest(job="clean", name=f"clean-edge.{kind}", spec=spec)


def rows_below(location: str) -> pa.Table:
    """Rows of a folder without the columns that say in which unit they lie."""
    folder = Path(location.removeprefix("file://"))
    return pa.concat_tables(
        [pq.ParquetFile(file).read() for file in sorted(folder.rglob("*.parquet"))]
    )


def made_by(engine: Engine, home: Path, drawn: list[str]) -> dict[str, Made]:
    runner = LocalJobRunner(home=str(home), engine=engine)
    found = {}
    for kind, files in DELIVERIES.items():
        paths = {}
        for name, content in files(drawn).items():
            paths[name] = home / "raw" / name
            paths[name].parent.mkdir(exist_ok=True)
            paths[name].write_bytes(content)
        request = request_of(kind, paths, home)
        (result,) = runner.run(request, log=print).results
        quarantine = rows_below(str(request.spec["quarantine"]))
        found[kind] = Made(rows_below(str(result.location)), quarantine, result)
    return found


@pytest.fixture(
    scope="module", params=[(7, 60), pytest.param((8, 3000), marks=pytest.mark.long)], ids=str
)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """By engine and format; the parameter is the seed and the number of texts drawn with it."""
    drawn = drawn_texts(*request.param)
    found = {engine: made_by(engine, tmp_path_factory.mktemp(engine), drawn) for engine in ENGINES}
    engines.stop_engine()
    return found


@pytest.mark.parametrize("kind", DELIVERIES)
def test_clean_rows_are_equal_on_both_engines(made: Outcomes, kind: str) -> None:
    sail, spark = made["sail"][kind].clean, made["spark"][kind].clean
    assert [field.type for field in sail.schema] == [field.type for field in spark.schema]
    assert difference(sail, without_file(spark, REFUSED_BY_SAIL), names=ENGINES) == ""


@pytest.mark.parametrize("kind", DELIVERIES)
def test_rejected_records_are_equal_on_both_engines(made: Outcomes, kind: str) -> None:
    sail, spark = (
        without_double_texts(without_file(made[engine][kind].quarantine, REFUSED_BY_SAIL))
        for engine in ENGINES
    )
    assert difference(sail, spark, names=ENGINES) == ""


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_reports_are_equal_on_both_engines(made: Outcomes, kind: str) -> None:
    sail, spark = (made[engine][kind].result for engine in ENGINES)
    assert (sail.rows_in, sail.rows_out) == (spark.rows_in, spark.rows_out)
    assert sail.details == spark.details


def test_a_dictionary_of_repeated_texts_is_still_refused_by_sail_with_its_reason(
    made: Outcomes,
) -> None:
    refused = [
        row for row in made["sail"]["parquet"].quarantine.to_pylist() if row["rule"] == "file"
    ]
    assert [(row["_source_file"], "Dictionary" in row["reason"]) for row in refused] == [
        (REFUSED_BY_SAIL, True)
    ]
    assert REFUSED_BY_SAIL in made["spark"]["parquet"].clean.column("_source_file").to_pylist()


@pytest.mark.parametrize("kind", DELIVERIES)
def test_the_deliveries_hold_good_and_bad_of_every_type(made: Outcomes, kind: str) -> None:
    clean, quarantine = made["sail"][kind].clean, made["sail"][kind].quarantine
    assert [name for name in TYPES if clean.column(name).null_count == clean.num_rows] == []
    rejected = set(quarantine.column("column").to_pylist())
    assert {"small", "big", "money", "ratio", "day", "moment"} - rejected == set()


def without_file(rows: pa.Table, name: str) -> pa.Table:
    return rows.filter(pc.not_equal(rows.column("_source_file"), name))


def without_double_texts(rejected: pa.Table) -> pa.Table:
    """Rejected rows without what engines write differently: doubles, for a person to read.

    Nor do rows with them have one name, as names are made of the text.
    """
    is_double = pc.starts_with(rejected.column("_source_file"), "double")
    for name in ("reason", "raw_text", "row_name"):
        place = rejected.column_names.index(name)
        shown = pc.if_else(is_double, "", rejected.column(name))
        rejected = rejected.set_column(place, name, shown)
    return rejected
