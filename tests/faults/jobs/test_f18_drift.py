"""F18: every kind of drift in every mode and format, on both engines, many cases to a job.

What each mode does with each case is written out here by hand, and every record of a batch that is
taken is looked for again: published with these values, or quarantined.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark.formats.json_lines import NAMES
from spark.jobs import clean

COLUMNS = [
    {"name": "id", "type": "bigint", "nullable": False},
    {"name": "name", "type": "string", "nullable": True},
    {"name": "price", "type": "decimal(12,2)", "nullable": True},
    {"name": "stock", "type": "int", "nullable": True},
]
MODES = ("strict", "evolve", "freeze", "discard")
MONEY = pa.decimal128(12, 2)
REFUSED, ASKS = "refuse", "evolve"
# Of a file of which no record can be read, one record stands for it all.
FILE = ["file"]

Row = tuple[Any, ...]
# A batch is held, or its rows are published, or (rule names) quarantined.
Outcome = str | list[Row | str]


@dataclass(frozen=True)
class Delivered:
    """Two records in a layout: (name, Arrow type, values) of its columns."""

    columns: tuple[tuple[str, Any, tuple[Any, Any]], ...]

    def parquet(self) -> bytes:
        arrays = [pa.array(values, kind) for _, kind, values in self.columns]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(arrays, names=[name for name, _, _ in self.columns]), sink)
        return sink.getvalue().to_pybytes()

    def csv(self) -> bytes:
        lines = [[name for name, _, _ in self.columns]]
        lines += [[str(values[row]) for _, _, values in self.columns] for row in (0, 1)]
        return "".join(",".join(line) + "\n" for line in lines).encode()

    def json(self) -> bytes:
        return b"".join(
            b"{"
            + b",".join(
                json.dumps(name).encode() + b":" + json.dumps(values[row], default=str).encode()
                for name, _, values in self.columns
            )
            + b"}\n"
            for row in (0, 1)
        )


ID = ("id", pa.int64(), (1, 2))
NAME = ("name", pa.string(), ("A", "B"))
PRICE = ("price", MONEY, (Decimal("1.50"), Decimal("2.50")))
STOCK = ("stock", pa.int32(), (7, 8))
COLOUR = ("colour", pa.string(), ("red", "blue"))
AS_DECLARED: list[Row | str] = [
    (1, "A", Decimal("1.50"), 7),
    (2, "B", Decimal("2.50"), 8),
]


def rows(*, name: bool = True, price: bool = True) -> list[Row | str]:
    """The declared rows, with null for what did not come."""
    return [
        (row[0], row[1] if name else None, row[2] if price else None, row[3])
        for row in AS_DECLARED
        if not isinstance(row, str)
    ]


def everywhere(outcome: Outcome) -> dict[str, Outcome]:
    return dict.fromkeys(MODES, outcome)


def by_mode(strict: Outcome, evolve: Outcome, freeze: Outcome, discard: Outcome) -> dict[str, Any]:
    return dict(zip(MODES, (strict, evolve, freeze, discard), strict=True))


FITS_AND_NOT: list[Row | str] = [(1, "A", Decimal("1.50"), 7), "type"]
LAYOUTS: dict[str, Delivered] = {
    "as-declared": Delivered((ID, NAME, PRICE, STOCK)),
    "reordered": Delivered((STOCK, PRICE, NAME, ID)),
    "added": Delivered((ID, NAME, PRICE, STOCK, COLOUR)),
    "dropped": Delivered((ID, PRICE, STOCK)),
    "missing": Delivered((NAME, PRICE, STOCK)),
    "renamed": Delivered((ID, ("label", *NAME[1:]), PRICE, STOCK)),
    "respelled": Delivered((ID, NAME, ("Price", *PRICE[1:]), STOCK)),
    "clash": Delivered((ID, NAME, PRICE, STOCK, ("Price", *PRICE[1:]))),
    "widened": Delivered((ID, NAME, PRICE, ("stock", pa.int64(), (7, 3_000_000_000)))),
}
ONLY_PARQUET: dict[str, Delivered] = {
    "narrowed": Delivered((("id", pa.int32(), (1, 2)), NAME, PRICE, ("stock", pa.int16(), (7, 8)))),
    "retyped": Delivered((ID, NAME, PRICE, ("stock", pa.float64(), (7.0, 7.5)))),
    "nested": Delivered((ID, NAME, PRICE, STOCK, ("more", pa.list_(pa.int32()), ([1], [])))),
}
ONLY_CSV = {"duplicated": Delivered((ID, NAME, PRICE, STOCK, PRICE))}

WITH_ORDER: dict[str, dict[str, Outcome]] = {
    "as-declared": everywhere(AS_DECLARED),
    "reordered": by_mode(REFUSED, AS_DECLARED, AS_DECLARED, AS_DECLARED),
    "added": by_mode(REFUSED, ASKS, REFUSED, AS_DECLARED),
    "dropped": by_mode(REFUSED, rows(name=False), rows(name=False), rows(name=False)),
    "missing": by_mode(REFUSED, REFUSED, REFUSED, ["required", "required"]),
    "renamed": by_mode(REFUSED, REFUSED, REFUSED, rows(name=False)),
    "respelled": by_mode(REFUSED, AS_DECLARED, REFUSED, AS_DECLARED),
    "clash": by_mode(REFUSED, REFUSED, REFUSED, [*FILE]),
}
EXPECTED: dict[str, dict[str, dict[str, Outcome]]] = {
    "parquet": {
        **WITH_ORDER,
        "widened": by_mode(REFUSED, ASKS, REFUSED, FITS_AND_NOT),
        "narrowed": by_mode(REFUSED, AS_DECLARED, AS_DECLARED, AS_DECLARED),
        "retyped": by_mode(REFUSED, REFUSED, REFUSED, FITS_AND_NOT),
        "nested": by_mode(REFUSED, REFUSED, REFUSED, AS_DECLARED),
    },
    "csv": {
        **WITH_ORDER,
        # Of text, each value is judged by itself.
        "widened": by_mode(FITS_AND_NOT, ASKS, FITS_AND_NOT, FITS_AND_NOT),
        "duplicated": by_mode(REFUSED, REFUSED, REFUSED, [*FILE]),
    },
    "json": {
        "as-declared": everywhere(AS_DECLARED),
        "reordered": everywhere(AS_DECLARED),
        "added": by_mode(REFUSED, ASKS, REFUSED, AS_DECLARED),
        "dropped": everywhere(rows(name=False)),
        "missing": by_mode(REFUSED, REFUSED, REFUSED, ["required", "required"]),
        # JSON leaves out what is null: a new field beside it is a new field.
        "renamed": by_mode(REFUSED, ASKS, REFUSED, rows(name=False)),
        "respelled": by_mode(REFUSED, AS_DECLARED, REFUSED, AS_DECLARED),
        "clash": by_mode(REFUSED, REFUSED, REFUSED, AS_DECLARED),
        "widened": by_mode(FITS_AND_NOT, ASKS, FITS_AND_NOT, FITS_AND_NOT),
    },
}


def deliver(cleaner: Any, file_format: str) -> None:
    """One batch for each case."""
    layouts = {**LAYOUTS, **ONLY_PARQUET, **ONLY_CSV}
    for case in EXPECTED[file_format]:
        content = getattr(layouts[case], file_format)()
        cleaner.deliver(f"{case}.{file_format}", content, batch=f"2017-01-09-{case}")


def outcomes(cleaned: Any) -> dict[str, Outcome]:
    """What became of each case: held, or its rows and the rules that rejected the others."""
    found: dict[str, Outcome] = {}
    for batch_id, result in cleaned.results.items():
        case = batch_id.removeprefix("2017-01-09-")
        if "held" in result["details"]:
            assert result["rows_in"] == 0
            found[case] = result["details"]["held"]
            continue
        kept = [row for row in cleaned.rows if row["_batch_id"] == batch_id]
        rejected = [row["rule"] for row in cleaned.quarantine if row["_batch_id"] == batch_id]
        assert result["rows_in"] == len(kept) + len(rejected)
        values = [tuple(row[column["name"]] for column in COLUMNS) for row in kept]
        found[case] = [*sorted(values), *sorted(rejected)]
    return found


def expect_every_case(cleaner: Any, file_format: str, mode: str) -> None:
    deliver(cleaner, file_format)

    cleaned = cleaner.clean(file_format, columns=COLUMNS, drift=mode)

    assert outcomes(cleaned) == {case: by[mode] for case, by in EXPECTED[file_format].items()}


every_mode = pytest.mark.parametrize("mode", MODES)
every_format = pytest.mark.parametrize("file_format", ["parquet", "csv", "json"])


@every_mode
@every_format
def test_f18_each_mode_does_as_it_says(
    session: SparkSession, tmp_path: Path, make_cleaner: Any, file_format: str, mode: str
) -> None:
    expect_every_case(make_cleaner(session, tmp_path), file_format, mode)


@pytest.mark.parametrize(
    ("file_format", "mode"), [("parquet", "evolve"), ("csv", "discard"), ("json", "freeze")]
)
def test_f18_both_engines_see_the_same_layouts(cleaner: Any, file_format: str, mode: str) -> None:
    expect_every_case(cleaner, file_format, mode)


@pytest.mark.long
@every_mode
@every_format
def test_f18_both_engines_do_the_same_in_every_mode(
    cleaner: Any, file_format: str, mode: str
) -> None:
    expect_every_case(cleaner, file_format, mode)


def test_f18_a_refusal_says_what_was_found_where(cleaner: Any) -> None:
    deliver(cleaner, "csv")
    cleaned = cleaner.clean("csv", columns=COLUMNS, drift="freeze")
    [told] = json.loads(cleaned.results["2017-01-09-added"]["details"]["drift"])
    assert told == {
        "kind": "added",
        "column": "colour",
        "found": "text",
        "expected": "no such column",
        "verdict": "refuse",
        "file": "added.csv",
        "files": 1,
        "type": "string",
    }


CHANGES = {
    "operation_column": "Op",
    "commit_time_column": "at",
    "change_sequence_column": "sequence",
    "columns": COLUMNS,
}
OP = ("Op", pa.string(), ("I", "U"))
WHEN = (
    ("at", pa.string(), ("2018-01-01 08:00:00.000000",) * 2),
    ("sequence", pa.string(), ("01", "02")),
)


@pytest.mark.parametrize("mode", ["strict", "discard"])
def test_f18_a_change_without_its_operation_is_never_taken_for_an_insert(
    cleaner: Any, mode: str
) -> None:
    whole = Delivered((OP, ID, NAME, PRICE, STOCK, *WHEN))
    without = Delivered((ID, NAME, PRICE, STOCK, *WHEN))
    cleaner.deliver("whole.parquet", whole.parquet(), batch="2017-01-09-whole")
    cleaner.deliver("a.parquet", without.parquet(), batch="2017-01-09-changes")
    cleaner.deliver("LOAD00000001.parquet", without.parquet(), batch="2017-01-09-load")
    spec = cleaner.spec("parquet", drift=mode, **CHANGES)
    for batch in spec["batches"]:
        batch["kind"] = "load" if batch["batch_id"].endswith("load") else "changes"

    cleaned = cleaner.clean("parquet", drift=mode, **CHANGES, batches=spec["batches"])

    assert {case: type(outcome) for case, outcome in outcomes(cleaned).items()} == {
        "whole": list,
        "changes": str,
        "load": list,
    }
    assert {row["_operation"] for row in cleaned.rows} == {"I", "U"}


def test_f18_a_malformed_file_is_compared_like_any_other(cleaner: Any) -> None:
    """The strict reader finds the same layout: one bad byte is no way around the mode."""
    cleaner.deliver("a.csv", b"id,name,colour\n1,A,red\n2,\xff,blue\n", batch="2017-01-09-csv")
    cleaned = cleaner.clean("csv", columns=COLUMNS, drift="freeze")
    assert outcomes(cleaned) == {"csv": REFUSED}


def test_f18_damage_is_quarantined_in_every_mode(cleaner: Any) -> None:
    good = LAYOUTS["as-declared"].csv()
    cleaner.deliver("a.csv", good + b"3,\xff,1,1\n4,x\n", batch="2017-01-09-damaged")
    cleaner.deliver("b.csv", b"5,x,1,1\n", batch="2017-01-09-headless")
    cleaned = cleaner.clean("csv", columns=COLUMNS, drift="strict")
    assert outcomes(cleaned) == {
        "damaged": [*AS_DECLARED, "encoding", "structure"],
        "headless": [*FILE],
    }
    # What stands in the first line of such a file is data, and no name to be shown as one.
    assert "drift" not in cleaned.results["2017-01-09-headless"]["details"]


def test_f18_without_the_comparison_drift_passes_in_silence(
    cleaner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(cleaner, "csv")
    monkeypatch.setattr(clean, "batch_differences", lambda spec, layouts: {})

    found = outcomes(cleaner.clean("csv", columns=COLUMNS, drift="strict"))

    # A column is lost, and another is null for ever, and nothing says so.
    assert found["added"] == AS_DECLARED
    assert found["renamed"] == rows(name=False)


ODD_LINES = {
    '{"id":1,"x":2}': ["id", "x"],
    '{"id":1,"x":2': None,
    '{"id":1,"x":': None,
    '{"id":1,}': None,
    "[1]": None,
    "{}": [],
    "": None,
    "null": None,
    '{"a":[1,{"z":2}]}': ["a"],
    '{"\\u0041":1,"é":2}': ["A", "é"],
}


def test_f18_both_engines_find_the_same_fields_in_odd_lines(every_session: SparkSession) -> None:
    lines = every_session.createDataFrame([(line,) for line in ODD_LINES], "value string")
    found = lines.selectExpr("value", f"{NAMES} AS names").collect()
    assert {row[0]: None if row[1] is None else list(row[1]) for row in found} == ODD_LINES
