"""Which type holds every value of another: the one list that readers, contracts and tables go by.

A value is *read* into a wider type without loss: a date is the first moment of its day. A column
*becomes* a wider type only where Iceberg tables can follow without rewriting what they hold: an
integer or a float that doubles in size, a decimal that gains digits before its point.
"""

from __future__ import annotations

from spark.tables.model import decimal_parts, is_type

# From a type to those that hold all of its values, the nearest first.
HELD_BY: dict[str, tuple[str, ...]] = {
    "tinyint": ("smallint", "int", "bigint"),
    "smallint": ("int", "bigint"),
    "int": ("bigint",),
    "float": ("double",),
    "date": ("timestamp",),
    # A time without a zone is UTC, so this is no more than another name.
    "timestamp_ntz": ("timestamp",),
}
# What Iceberg's format version 2 keeps apart.
_NEVER_BECOMES = {("date", "timestamp")}
# Digits that a decimal gets when it has become too small: what eight and sixteen bytes can hold.
_DECIMAL_DIGITS = (18, 38)


def holds(wide: str, narrow: str) -> bool:
    """Whether every value of type `narrow` is one of the other type `wide`."""
    here, there = decimal_parts(wide), decimal_parts(narrow)
    if here is None or there is None:
        return narrow == "void" or wide in HELD_BY.get(narrow, ())
    return here != there and here[1] >= there[1] and here[0] - here[1] >= there[0] - there[1]


def may_become(declared: str, found: str) -> bool:
    """Whether a column of type `declared` may turn into one of the wider type `found`."""
    if (declared, found) in _NEVER_BECOMES or not is_type(found):
        return False
    return holds(found, declared) and _scale(found) == _scale(declared)


def next_wider(declared: str) -> str | None:
    """What a column becomes when text holds a number too great for it; None where nothing is."""
    if declared == "int":
        return "bigint"
    precision, scale = decimal_parts(declared) or (_DECIMAL_DIGITS[-1], 0)
    digits = next((digits for digits in _DECIMAL_DIGITS if digits > precision), None)
    return None if digits is None else f"decimal({digits},{scale})"


def declarable(found: str) -> str | None:
    """The type of ours in which every value of the Spark type `found` can be declared.

    None for nested and other values that no type of ours holds.
    """
    return next((kind for kind in (found, *HELD_BY.get(found, ())) if is_type(kind)), None)


def _scale(kind: str) -> int:
    return (decimal_parts(kind) or (0, 0))[1]
