"""Values at the edges of every type, and tables made of nothing else.

Where engines differ, they differ here: at the ends of a range, around 1970 and the changes of the
clock, in zeros with a sign, in text beyond the basic plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa


def utc(text: str) -> datetime:
    """A moment from its ISO text without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MEGABYTE = "aé\U0001f600\\\"'\n" * 100_000
WORDS = """
    a A b é ß İ ǆ שלום a,b;c %_ null NULL NaN true GASOLINE-REG 2017-02-30 2017-1-5
    1e3 +5 0x10 1_000 007 -0 \uff11\uff12 9223372036854775807
"""
STRINGS = [
    *("", " ", "  a b ", "a\u00a0b", "a\u2028", "12\n", "\t\n\r", "\x01\x1f", "x" * 3000),
    *("e\u0301", "\U0001f600", "a\U0001f600b\U0001f469\u200d\U0001f467", "\uffff", "\U00010000"),
    *('it\'s "q" \\ back', *WORDS.split()),
]
BIGINTS = [
    *(0, 1, -1, 2, 3, 7, 53, 100, 2**31 - 1, 2**31, -(2**31), 10**15, -(10**15)),
    *(2**53, 2**53 + 1, -(2**53) - 1),
]
INTS = [0, 1, -1, 2, 5, 6, 7, 53, 366, 2**31 - 1, -(2**31)]
AMOUNTS = """
    0.00 0.01 -0.01 0.05 -0.05 0.10 0.99 1.00 2.50 3.33 -3.33 7.00 10.00 1234.56
    9999999999.99 -9999999999.99
"""
MONEY = [Decimal(amount) for amount in AMOUNTS.split()]
DOUBLES = [
    *(0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.1 + 0.2, 0.5, 2.5, -2.5, 3.5, 1 / 3, 123456789.123),
    *(1e-5, 1e7, 1e15, 1e16, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
]
DAYS = """
    0001-01-01 0001-01-02 1582-10-04 1582-10-05 1582-10-14 1582-10-15 1899-12-31 1900-01-01
    1900-02-28 1969-12-31 1970-01-01 1972-02-29 2000-02-29 2017-01-01 2017-01-02 2017-03-12
    2017-11-05 2017-12-31 2018-01-01 2100-02-28 2100-03-01 9999-12-25 9999-12-31
"""
DATES = [date.fromisoformat(day) for day in DAYS.split()]
# The clocks of New York: local mean time ends in 1883; jumps on 12 March and 5 November 2017.
MOMENTS = """
    0001-01-01T00:00:00 0001-01-02T00:00:00 1582-10-15T00:00:00 1883-11-18T16:59:59
    1883-11-18T17:03:58 1899-12-31T23:59:59.999999 1900-01-01T00:00:00 1969-12-31T23:59:59.999999
    1969-12-31T23:59:59.000001 1970-01-01T00:00:00 2017-01-01T04:59:59.999999 2017-01-01T05:00:00
    2017-03-12T06:59:59.999999 2017-03-12T07:00:00 2017-03-12T07:00:00.000001 2017-03-13T03:59:59
    2017-03-13T04:00:00 2017-11-05T05:59:59 2017-11-05T06:00:00 2017-11-05T06:30:00
    2017-11-06T04:59:59.999999 2017-11-06T05:00:00 2017-12-31T23:59:59.999999 2037-07-01T04:00:00
    2038-01-19T03:14:08 2100-01-01T04:59:00 9999-12-31T23:59:59.999999
"""
TIMES = [utc(moment) for moment in MOMENTS.split()]
# Where one of the engines has forgotten the rules of summer time; see engine_differences.py.
SUMMER_AFTER_2037 = [utc("2038-07-01T04:30:00"), utc("2100-07-01T04:30:00")]
BOOLEANS = [True, False]

ROWS = 97


def edge_table() -> pa.Table:
    """97 rows: `n` numbers them, `g` groups them; two columns of each type meet in many pairs."""
    groups = [number % 5 if number % 11 else None for number in range(ROWS)]
    kinds: dict[str, tuple[Sequence[Any], pa.DataType]] = {
        "s": (STRINGS, pa.string()),
        "l": (BIGINTS, pa.int64()),
        "i": (INTS, pa.int32()),
        "m": (MONEY, pa.decimal128(12, 2)),
        "f": (DOUBLES, pa.float64()),
        "d": (DATES, pa.date32()),
        "t": (TIMES, pa.timestamp("us", "UTC")),
        "b": (BOOLEANS, pa.bool_()),
    }
    columns = {"n": pa.array(range(ROWS), pa.int32()), "g": pa.array(groups, pa.int32())}
    for name, (values, kind) in kinds.items():
        with_null = [*values, None]
        columns[name] = pa.array(_cycle(with_null, 1, 0), kind)
        columns[f"{name}2"] = pa.array(_cycle(with_null, 5, 3), kind)
    columns["t3"] = pa.array(_cycle([*SUMMER_AFTER_2037, None], 1, 0), pa.timestamp("us", "UTC"))
    return pa.table(columns)


def _cycle(values: Sequence[Any], step: int, offset: int) -> list[Any]:
    # A step that shares a factor with the length would leave values out.
    size = len(values)
    return [values[(number * step + number // size + offset) % size] for number in range(ROWS)]
