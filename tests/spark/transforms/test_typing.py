"""Text becomes a type exactly, or not at all, and the same on every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pyspark.sql.functions import expr

from spark.failures import SpecInvalid
from spark.transforms.typing import as_text, is_given, quoted, typed


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


REFUSED = None
CASES = {
    "int": {"1": 1, " -7 ": -7, "+5": 5, "2147483647": 2147483647, "2147483648": REFUSED},
    "bigint": {
        "9223372036854775807": 9223372036854775807,
        "9223372036854775808": REFUSED,
        "007": 7,
        "1.0": REFUSED,
        "1e3": REFUSED,
        "1_000": REFUSED,
        "\uff11\uff12": REFUSED,
        "12\n": REFUSED,
        "0x1F": REFUSED,
    },
    "decimal(12,2)": {
        "1.5": Decimal("1.50"),
        "-.5": Decimal("-0.50"),
        "5.": Decimal("5.00"),
        "9999999999.99": Decimal("9999999999.99"),
        "10000000000": REFUSED,
        "000000000000001.10": Decimal("1.10"),
        "1.500000": Decimal("1.50"),
        "1.005": REFUSED,
        "1.2345678912E8": Decimal("123456789.12"),
        "1e-2": Decimal("0.01"),
        "1e-3": REFUSED,
        "1e400": REFUSED,
        "1,5": REFUSED,
        ".": REFUSED,
        "-": REFUSED,
        "NaN": REFUSED,
        "\uff11.5": REFUSED,
    },
    "decimal(38,10)": {
        "1.2345678959998999E18": Decimal("1234567895999899900.0000000000"),
        "123456789012345678901234567e-10": Decimal("12345678901234567.8901234567"),
        "-.5e1": Decimal("-5.0000000000"),
        "12e-11": REFUSED,
        "1e-400": REFUSED,
        "1e28": REFUSED,
    },
    "double": {
        "1.5": 1.5,
        ".5": 0.5,
        "1e3": 1000.0,
        "1e400": REFUSED,
        "NaN": REFUSED,
        "Infinity": REFUSED,
        "1.5f": REFUSED,
    },
    "boolean": {"TRUE": True, "f": False, "1": True, "0": False, "yes": REFUSED, "2": REFUSED},
    "date": {
        "2017-12-31": date(2017, 12, 31),
        "1500-02-28": date(1500, 2, 28),
        "2017-02-29": REFUSED,
        "2017-1-1": REFUSED,
        "0000-01-01": REFUSED,
        "10000-01-01": REFUSED,
        "2017-01-01 00:00:00": REFUSED,
    },
    "timestamp": {
        "2017-01-01 03:04:05": utc(2017, 1, 1, 3, 4, 5),
        "2017-01-01T03:04:05.5": utc(2017, 1, 1, 3, 4, 5, 500000),
        "2017-01-01T03:04:05Z": utc(2017, 1, 1, 3, 4, 5),
        "2017-01-01T03:04:05.000001+02:00": utc(2017, 1, 1, 1, 4, 5, 1),
        "2017-01-01 03:04:05-0530": utc(2017, 1, 1, 8, 34, 5),
        "1969-12-31 23:59:59": utc(1969, 12, 31, 23, 59, 59),
        # New York's clocks skipped this hour; a time without zone is UTC, where it exists.
        "2017-03-12 02:30:00": utc(2017, 3, 12, 2, 30),
        "2017-01-01": REFUSED,
        "2017-01-01 24:00:00": REFUSED,
        "2016-12-31 23:59:60": REFUSED,
        "2017-01-01 03:04:05.1234567": REFUSED,
        "2017-01-01 03:04:05 America/New_York": REFUSED,
        "1483239845": REFUSED,
    },
    "string": {"": "", " a ": " a ", "NULL": "NULL"},
}


@pytest.mark.parametrize("wanted", CASES)
def test_text_becomes_exactly_the_type_or_nothing(frame, wanted: str) -> None:
    texts = CASES[wanted]
    rows = frame("text string", [(text,) for text in texts]).select(
        "text", expr(typed("text", found="string", wanted=wanted)).alias("value")
    )
    assert dict(rows.dtypes)["value"] == wanted
    # Times as text, because each engine's client has its own idea of the local zone.
    shown = expr("CAST(value AS string)") if wanted == "timestamp" else expr("value")
    found = {
        row["text"]: row["value"] for row in rows.select("text", shown.alias("value")).collect()
    }
    if wanted == "timestamp":
        found = {text: value and instant(value) for text, value in found.items()}
    assert found == texts


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_blank_text_is_missing_except_as_a_string(frame) -> None:
    rows = frame("text string", [("",), ("  ",), ("x",), (None,)])
    given = [
        [
            row[0]
            for row in rows.select(expr(is_given("text", found="string", wanted=wanted))).collect()
        ]
        for wanted in ("bigint", "string")
    ]
    assert given == [[False, False, True, None], [True, True, True, False]]


@pytest.mark.parametrize(
    ("found", "wanted", "values", "expected"),
    [
        ("bigint", "int", [1, 2**31, None], [1, REFUSED, None]),
        ("int", "bigint", [1, None], [1, None]),
        ("double", "decimal(12,2)", [1.5, 1.005, 0.1, 1e12], ["1.50", REFUSED, "0.10", REFUSED]),
        ("double", "bigint", [1.0, 1.5, 1e19], [1, REFUSED, REFUSED]),
        ("double", "bigint", [2.0**63, -(2.0**63)], [REFUSED, -(2**63)]),
        ("float", "int", [2.0**31, -(2.0**31)], [REFUSED, -(2**31)]),
        ("double", "double", [1.5, float("nan"), float("inf")], [1.5, REFUSED, REFUSED]),
        ("decimal(12,4)", "decimal(12,2)", ["1.5000", "1.5050"], ["1.50", REFUSED]),
        (
            "timestamp_ntz",
            "date",
            [utc(2017, 1, 1).replace(tzinfo=None), utc(2017, 1, 1, 5).replace(tzinfo=None)],
            [date(2017, 1, 1), REFUSED],
        ),
        ("bigint", "string", [7, None], ["7", None]),
    ],
)
def test_a_typed_value_is_never_cut_to_fit(frame, found, wanted, values, expected) -> None:
    def exact(value, kind):
        return Decimal(value) if "decimal" in kind and value is not None else value

    rows = frame(f"place int, value {found}", [(i, exact(v, found)) for i, v in enumerate(values)])
    sql = typed("value", found=found, wanted=wanted)
    got = [row[1] for row in sorted(rows.select("place", expr(sql)).collect())]
    assert got == [exact(value, wanted) for value in expected]


def test_not_a_number_has_a_text_of_its_own(frame) -> None:
    rows = frame("value double", [(1.5,), (float("nan"),)])
    texts = [row[0] for row in rows.select(expr(as_text("value", found="double"))).collect()]
    assert sorted(texts) == ["1.5", "NaN"]


def test_any_text_can_be_a_literal(frame) -> None:
    texts = ["it's", 'a"b', "back\\slash", "\\n", "line\nfeed", "\U0001f600", ""]
    found = frame("x int", [(1,)]).select(*(expr(quoted(text)) for text in texts)).collect()
    assert list(found[0]) == texts


def test_a_type_without_a_rule_is_refused() -> None:
    with pytest.raises(SpecInvalid, match="binary"):
        typed("x", found="string", wanted="binary")
