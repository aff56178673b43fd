"""Which values of PostgreSQL's types come out of Parquet as they were: one small table for each.

A verdict is `exact` (the value, in a type that means the same), `text` (nothing lost, typed later),
`changed` with what was found, or `refused` when the side gave up. A null must come out as null, or
the verdict is `changed` too.

The hazard: Python's own limits. Days are compared as numbers, as Parquet can hold a date before
Christ and Python cannot.
"""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg.sql import SQL, Identifier, Literal

EXACT, TEXT, REFUSED = "exact", "text", "refused"
_SHOWN = 24


@dataclass(frozen=True)
class Case:
    """A value of a type.

    Attributes:
        name: what the page calls it.
        kind, literal: PostgreSQL's type, and the value as it is inserted.
        value: what Python calls it, a date by its days since 1970; None where no type of Parquet
            can hold it.
        spellings: texts that lose nothing, beside PostgreSQL's own.
    """

    name: str
    kind: str
    literal: str
    value: Any = None
    spellings: tuple[str, ...] = ()


CASES = (
    Case("smallint", "smallint", "-32768", -32768),
    Case("integer", "integer", "2147483647", 2147483647),
    Case("bigint", "bigint", "9007199254740993", 9007199254740993),
    Case("numeric(12,2)", "numeric(12,2)", "1234567890.10", Decimal("1234567890.10")),
    Case(
        "numeric(38,18)",
        "numeric(38,18)",
        "12345678901234567890.123456789012345678",
        Decimal("12345678901234567890.123456789012345678"),
    ),
    Case("numeric", "numeric", "0.1234567890123456789", Decimal("0.1234567890123456789")),
    Case("numeric NaN", "numeric(12,2)", "NaN", spellings=("nan",)),
    Case("real", "real", "0.1", 0.1),
    Case("double precision", "double precision", "0.1", 0.1),
    Case("boolean", "boolean", "true", True),
    Case("date", "date", "2017-03-12", 17_237),
    Case("date infinity", "date", "infinity"),
    Case("date before Christ", "date", "0044-03-15 BC", -735_160),
    Case(
        "timestamp",
        "timestamp",
        "2017-03-12 02:30:00.123456",
        datetime(2017, 3, 12, 2, 30, 0, 123456),  # noqa: DTZ001
    ),
    Case("timestamp infinity", "timestamp", "-infinity"),
    Case(
        "timestamptz",
        "timestamptz",
        "2017-03-12 02:30:00-05",
        datetime(2017, 3, 12, 7, 30, tzinfo=UTC),
    ),
    Case("time", "time", "12:34:56.789012", time(12, 34, 56, 789012)),
    Case("interval", "interval", "1 mon 2 days", spellings=("P1M2D",)),
    Case("text, empty", "text", "", ""),
    Case("text, quotes and lines", "text", 'a "b", c\n\\.\nd', 'a "b", c\n\\.\nd'),
    Case("varchar(10)", "varchar(10)", "NULL", "NULL"),
    Case("enum", "shop.size", "large", "large"),
    Case("uuid", "uuid", "0f2a1c9e-0000-4000-8000-000000000001"),
    Case("jsonb", "jsonb", '{"a": [1, null]}', {"a": [1, None]}),
    Case("bytea", "bytea", "\\x00ff", b"\x00\xff"),
    Case("text[]", "text[]", '{a,NULL,"b c"}', ["a", None, "b c"], ('["a",null,"b c"]',)),
)


def create_cases(session: psycopg.Connection[Any]) -> dict[str, str]:
    """Make a table for each case; its value as PostgreSQL writes it, by the table's name."""
    session.execute("SET timezone = 'UTC'")
    session.execute("CREATE TYPE shop.size AS ENUM ('small', 'large')")
    written = {}
    for number, case in enumerate(CASES):
        table = Identifier("shop", table_of(number))
        session.execute(
            SQL("CREATE TABLE {} (id int PRIMARY KEY, v {})").format(table, SQL(case.kind))
        )
        session.execute(
            SQL("INSERT INTO {} VALUES (1, {}), (2, NULL)").format(table, Literal(case.literal))
        )
        [(written[table_of(number)],)] = session.execute(
            SQL("SELECT v::text FROM {} WHERE id = 1").format(table)
        ).fetchall()
    return written


def table_of(number: int) -> str:
    """The table of a case, without its schema."""
    return f"case_{number}"


def verdict(case: Case, files: Sequence[Path], written: str) -> str:
    """What became of the case's value in these files, which PostgreSQL writes as `written`."""
    try:
        found = _values(files)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        return f"changed: {str(error)[:_SHOWN]}"
    if set(found) != {1, 2} or found[2] is not None:
        second = repr(found[2]) if 2 in found else "nothing"
        return f"changed: {second} for null" if 1 in found else REFUSED
    value = found[1]
    if _means(value, case):
        return EXACT
    if value == written or value in case.spellings:
        return TEXT
    return f"changed: {str(value)[:_SHOWN]}"


def _values(files: Sequence[Path]) -> Mapping[int, Any]:
    found: dict[int, Any] = {}
    for file in files:
        rows = pq.read_table(file)
        values = rows["v"]
        if pa.types.is_date32(values.type):
            values = values.cast(pa.int32())
        found |= zip(rows["id"].to_pylist(), values.to_pylist(), strict=True)
    return found


def _means(value: object, case: Case) -> bool:
    """Whether it is the case's value; JSON is text to Parquet, and a uuid sixteen bytes."""
    if case.kind == "jsonb":
        return isinstance(value, str) and json.loads(value) == case.value
    if case.kind == "uuid":
        expected = uuid.UUID(case.literal)
        return bool(value == expected or value == expected.bytes)
    if case.kind == "real" and isinstance(value, float):
        return struct.pack("f", value) == struct.pack("f", case.value)
    return case.value is not None and type(value) is type(case.value) and value == case.value
