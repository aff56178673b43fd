r"""Turns delivered values into declared types, or into null where a value does not fit.

Text is judged by a pattern first and cast second, because engines' own parsers differ: one takes
"1e2" for a decimal and the other does not, one rounds 1.005 up and the other down. What a pattern
allows, all cast alike. Nothing is rounded or cut to fit: a value that does not fit is a problem of
its row. A time without zone is UTC.

Patterns use only what Java's and Rust's regular expressions share: \A and \z (Java's $ would accept
a line feed at the end), [0-9] (\d is every script's digits in Rust), no look-ahead. Expressions are
SQL text because PySpark 3.5 has `try_cast` in SQL only; `column` is always a plain identifier.
"""

from __future__ import annotations

from spark.failures import SpecInvalid
from spark.tables.model import decimal_parts
from spark.tables.widening import HELD_BY

# Years 0001 to 9999: beyond them engines disagree.
_YEAR = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_DATE = _YEAR + r"-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_EXPONENT = r"[eE][+-]?[0-9]{1,3}"
_PATTERNS = {
    "int": r"[+-]?[0-9]{1,10}",
    "bigint": r"[+-]?[0-9]{1,19}",
    "double": rf"{_NUMBER}({_EXPONENT})?",
    "date": _DATE,
    "timestamp": rf"{_DATE}[ T]{_TIME}",
}
_BOOLEANS = {"true": ("true", "t", "1"), "false": ("false", "f", "0")}
# Spark takes 2^63 for the greatest bigint, which is one less, and both look alike as doubles.
_TOO_GREAT = {"int": "double('2147483648')", "bigint": "double('9223372036854775808')"}


def quoted(text: str) -> str:
    """The text as a SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def named(column: str) -> str:
    """A column's name in SQL, whatever word it is."""
    escaped = column.replace("`", "``")
    return f"`{escaped}`"


def is_given(column: str, *, found: str, wanted: str) -> str:
    """Whether the delivery says anything: blank text says nothing, except as a string."""
    if found == "string" and wanted != "string":
        return f"trim({column}) <> ''"
    return f"{column} IS NOT NULL"


def typed(column: str, *, found: str, wanted: str) -> str:
    """The value as type `wanted`; null where it is missing or does not fit.

    Args:
        column: where the delivered value is.
        found: its Spark type there, such as "string" for all of CSV and JSON.
        wanted: the declared type.
    """
    if wanted == "string":
        return column if found == "string" else f"CAST({column} AS string)"
    if found == "string":
        return _from_text(f"trim({column})", wanted)
    if found == wanted and found != "double":
        return column
    cast = f"try_cast({column} AS {wanted})"
    if wanted == "double":
        return _if(f"abs({cast}) < double('Infinity')", cast)
    # Into a wider type nothing can be lost, so nothing needs to be compared afterwards.
    if found == "void" or wanted in HELD_BY.get(found, ()):
        return cast
    # A cast may cut or round; what comes back unchanged was not.
    unchanged = f"CAST({cast} AS {found}) = {column}"
    if found in ("float", "double") and wanted in _TOO_GREAT:
        unchanged += f" AND {column} < {_TOO_GREAT[wanted]}"
    return _if(unchanged, cast)


def as_text(column: str, *, found: str) -> str:
    """The value as text for a person, never failing."""
    if found in ("double", "float"):
        # Sail casts NaN to the text of another row.
        return f"CASE WHEN isnan({column}) THEN 'NaN' ELSE CAST({column} AS string) END"
    return f"CAST({column} AS string)" if found != "string" else column


def _from_text(text: str, wanted: str) -> str:
    cast = f"try_cast({text} AS {wanted})"
    if wanted == "boolean":
        spellings = (
            f"WHEN lower({text}) IN ({', '.join(map(quoted, words))}) THEN {value}"
            for value, words in _BOOLEANS.items()
        )
        return f"CASE {' '.join(spellings)} END"
    if wanted == "double":
        return _if(
            f"{_matches(text, _PATTERNS[wanted])} AND abs({cast}) < double('Infinity')", cast
        )
    if wanted in ("int", "bigint"):
        # Most numbers are written as an engine would write them, which is seen at half the price.
        usual = f"CAST({cast} AS string) = {text}"
        matches = _matches(text, _PATTERNS[wanted])
        return f"CASE WHEN {usual} THEN {cast} WHEN {matches} THEN {cast} END"
    if wanted in _PATTERNS:
        return _if(_matches(text, _PATTERNS[wanted]), cast)
    parts = decimal_parts(wanted)
    if parts is None:
        raise SpecInvalid(f"Type {wanted!r}: no rule says how text becomes one.")
    precision, scale = parts
    plain = rf"[+-]?0*[0-9]{{0,{precision - scale}}}(\.[0-9]{{0,{scale}}}0*)?"
    # JSON numbers may reach us through a double (123456789.12 as 1.2345678912E8).
    written_out = _without_exponent(text)
    return (
        f"CASE WHEN {_matches(text, plain)} THEN {cast} "
        f"WHEN {_matches(text, _NUMBER + _EXPONENT)} AND {_matches(written_out, plain)} "
        f"THEN try_cast({written_out} AS {wanted}) END"
    )


def _without_exponent(text: str) -> str:
    """A number with an exponent as text without one: its point moved, and not a digit lost.

    Never by way of a double: engines differ in the digits that one has beyond the fifteenth.
    """
    mantissa = f"substring_index(lower({text}), 'e', 1)"
    unsigned = f"translate({mantissa}, '+-', '')"
    digits = f"replace({unsigned}, '.', '')"
    exponent = f"try_cast(substring_index(lower({text}), 'e', -1) AS int)"
    place = f"(length(substring_index({unsigned}, '.', 1)) + {exponent})"
    zeros = f"repeat('0', greatest(-{place}, {place} - length({digits}), 0))"
    return (
        f"concat(CASE WHEN startswith({text}, '-') THEN '-' ELSE '' END, "
        f"CASE WHEN {place} <= 0 THEN concat('0.', {zeros}, {digits}) "
        f"WHEN {place} >= length({digits}) THEN concat({digits}, {zeros}) "
        f"ELSE concat(substring({digits}, 1, {place}), '.', substring({digits}, {place} + 1)) END)"
    )


def _matches(text: str, pattern: str) -> str:
    whole = rf"\A(?:{pattern})\z"
    return f"{text} RLIKE {quoted(whole)}"


def _if(condition: str, value: str) -> str:
    return f"CASE WHEN {condition} THEN {value} END"
