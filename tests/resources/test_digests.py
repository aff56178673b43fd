"""The content digest: what it sees, what it must not see, and the same sum computed in Python."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from resources.digests import content_digest

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("price", pa.decimal128(12, 2)),
        ("sold_at", pa.timestamp("us", tz="UTC")),
        ("day", pa.date32()),
        ("share", pa.float64()),
        ("known", pa.bool_()),
    ]
)
NOON = datetime(2017, 3, 12, 12, 0, 0, 123456, tzinfo=UTC)
ROWS: list[tuple[object, ...]] = [
    (1, "milk", Decimal("1.10"), NOON, date(2017, 3, 12), 0.1, True),
    (2, None, Decimal("-0.50"), None, None, None, False),
    (3, "", Decimal("0.00"), NOON, date(1969, 12, 31), -0.0, None),
    (4, "zwölf, 3:N", None, NOON, date(2017, 3, 12), 1e-300, True),
]


def digest(rows: list[tuple[object, ...]], schema: pa.Schema = SCHEMA, batch_rows: int = 2) -> str:
    records = [dict(zip(schema.names, row, strict=True)) for row in rows]
    table = pa.Table.from_pylist(records, schema=schema)
    return content_digest(table.to_reader(max_chunksize=batch_rows))


def changed(row: int, column: str, value: object) -> list[tuple[object, ...]]:
    rows = [list(values) for values in ROWS]
    rows[row][SCHEMA.names.index(column)] = value
    return [tuple(values) for values in rows]


def in_python(rows: list[tuple[object, ...]]) -> str:
    """The digest as its docstring describes it, without DuckDB."""

    def text(value: object) -> str:
        match value:
            case None:
                return "N"
            case bool():
                word = str(value).lower()
            case datetime():
                microseconds = (value - datetime(1970, 1, 1, tzinfo=UTC)) // (NOON.resolution)
                word = str(microseconds)
            case float():
                word = repr(value + 0.0)
            case _:
                word = str(value)
        return f"{len(word)}:{word}"

    names = sorted(SCHEMA.names)
    high = low = 0
    for row in rows:
        line = "".join(text(row[SCHEMA.names.index(name)]) for name in names)
        # DuckDB reads an MD5 as a little-endian number.
        number = int.from_bytes(hashlib.md5(line.encode()).digest(), "little")
        high += number >> 64
        low += number % 2**64
    summary = f"{','.join(names)}|{len(rows)}|{high % 2**64}|{low % 2**64}"
    return hashlib.sha256(summary.encode()).hexdigest()[:32]


def test_the_digest_is_the_sum_that_its_docstring_describes() -> None:
    assert digest(ROWS) == in_python(ROWS)


def test_order_and_batches_of_rows_do_not_matter() -> None:
    assert digest(ROWS[::-1], batch_rows=1) == digest(ROWS, batch_rows=4)


def test_the_order_of_columns_does_not_matter() -> None:
    turned = pa.schema([SCHEMA.field(name) for name in reversed(SCHEMA.names)])
    assert digest([row[::-1] for row in ROWS], turned) == digest(ROWS)


def test_a_row_that_appears_twice_is_seen() -> None:
    assert digest([*ROWS, ROWS[0]]) != digest(ROWS)
    # XOR would not see this one.
    assert digest([*ROWS, ROWS[0], ROWS[0]]) != digest(ROWS)


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        (0, "price", Decimal("1.11")),
        (0, "price", None),
        (0, "sold_at", NOON.replace(microsecond=123457)),
        (0, "sold_at", None),
        (0, "share", 0.1 + 2**-56),
        (1, "name", "N"),
        (1, "name", ""),
        (2, "name", None),
        (2, "known", False),
        (3, "day", date(2017, 3, 13)),
    ],
)
def test_one_changed_value_is_seen(row: int, column: str, value: object) -> None:
    assert digest(changed(row, column, value)) != digest(ROWS)


def test_values_that_move_between_rows_or_columns_are_seen() -> None:
    schema = pa.schema([("a", pa.string()), ("b", pa.string())])
    assert digest([("x", "y"), ("z", "w")], schema) != digest([("x", "w"), ("z", "y")], schema)
    assert digest([("x", "y")], schema) != digest([("y", "x")], schema)
    assert digest([("1:x", None)], schema) != digest([("1", "x")], schema)


def test_minus_zero_is_zero() -> None:
    assert digest(changed(2, "share", 0.0)) == digest(ROWS)


def test_a_string_and_its_large_variant_are_the_same_text() -> None:
    large = SCHEMA.set(1, pa.field("name", pa.large_string()))
    assert digest(ROWS, large) == digest(ROWS)


def test_no_rows_have_a_digest_too() -> None:
    nothing = content_digest(SCHEMA.empty_table().to_reader())
    assert nothing == in_python([])
    assert nothing != digest(ROWS)
