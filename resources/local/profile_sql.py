"""The questions that a profile asks of each column, and what type the answers allow.

A value's type is judged by what the clean job will accept of text (`spark.transforms.typing`),
which is less than a database would: a number with leading zeros is a code and stays text, and a day
is written 2017-01-09.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
_INTEGER = "-?(0|[1-9][0-9]{0,18})"
_DECIMAL = "-?(0|[1-9][0-9]{0,27})([.][0-9]{1,10})?"
# In this order: the first that every value matches is the type.
_TEXT_TYPES = {
    "boolean": "true|false",
    "bigint": _INTEGER,
    "decimal": _DECIMAL,
    "double": "-?(0|[1-9][0-9]{0,16})([.][0-9]+)?([eE][+-]?[0-9]{1,3})?",
    "date": _DATE,
    "timestamp": f"{_DATE}[ T]{_TIME}",
}
# What personal values look like; shares of them are counted, values never shown.
PATTERNS = {
    "email": "[^@[:space:]]+@[^@[:space:]]+[.][A-Za-z]{2,}",
    "phone": "[+(][0-9][-0-9 ()./]{6,18}|0[0-9]{1,4}[-/ ][-0-9 /]{4,14}",
    "iban": "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}",
    "address": "([0-9]{1,3}[.]){3}[0-9]{1,3}",
}
_SMALL = {"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"}
_TYPES = {
    "BIGINT": "bigint",
    "UINTEGER": "bigint",
    "UBIGINT": "decimal(20,0)",
    "HUGEINT": "decimal(38,0)",
    "FLOAT": "double",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "VARCHAR": "string",
}
_WIDTHS = (12, 18, 38)


def quoted(name: str) -> str:
    """A name in DuckDB's SQL."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """A text in DuckDB's SQL."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def column_facts(name: str) -> str:
    """A query for one row: nulls, distinct values, the least number, and the shares of PATTERNS."""
    column = quoted(name)
    text = f"CAST({column} AS VARCHAR)"
    shares = ", ".join(
        f"count(*) FILTER (regexp_full_match({text}, '{pattern}')) / greatest(count({column}), 1)"
        for pattern in PATTERNS.values()
    )
    return (
        f"SELECT count(*) - count({column}), count(DISTINCT {column}), "
        f"min(TRY_CAST({text} AS DECIMAL(38, 6))), {shares} FROM sample"
    )


def parquet_type(kind: str) -> str | None:
    """The type of ours for a DuckDB type; None for what no contract can declare."""
    if kind in _SMALL:
        return "int"
    if kind.startswith("TIMESTAMP"):
        return "timestamp"
    if parts := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        return f"decimal({parts[1]},{parts[2]})"
    return _TYPES.get(kind)


def text_type(session: DuckDBPyConnection, name: str) -> str:
    """The narrowest type that every value of a text column has."""
    column = quoted(name)
    counts = ", ".join(
        f"count(*) FILTER (regexp_full_match(trim({column}), '{pattern}'))"
        for pattern in _TEXT_TYPES.values()
    )
    digits = f"regexp_replace(trim({column}), '^-|[.].*$', '', 'g')"
    scale = f"length(regexp_extract(trim({column}), '[.]([0-9]*)$', 1))"
    query = (
        f"SELECT count(*) FILTER (trim({column}) <> ''), max(length({digits})), max({scale}), "
        f"{counts} FROM sample"
    )
    [(values, whole, fraction, *matching)] = session.execute(query).fetchall()
    fitting = (kind for kind, count in zip(_TEXT_TYPES, matching, strict=True) if count == values)
    found = next(fitting, "string") if values else "string"
    return _decimal(whole, fraction) if found == "decimal" else found


def _decimal(whole: int, fraction: int) -> str:
    """With room to grow: the next usual width, and two digits at least behind the point."""
    scale = max(2, fraction)
    needed = whole + scale
    return f"decimal({next((width for width in _WIDTHS if width >= needed), 38)},{scale})"
