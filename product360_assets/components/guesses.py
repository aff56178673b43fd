"""What a column probably is, by its name and profile: whose data, a key, a version, a choice.

Guesses are for a person to confirm, and lean to the safe side: a column that may be personal is
proposed as personal. The hazard is the quiet miss, so a name is enough and a pattern is enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from product360_assets.core.contract import Sensitivity
from product360_assets.core.treatments import KEYED, Treatment
from resources.profiles import ColumnProfile, TableProfile

# This share of values that look like something makes a column that.
MOSTLY = 0.6
# An enumeration: few values, each of them often.
_FEWEST_ROWS = 50
_TIMES_EACH = 10
_LONGEST_VALUE = 40

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_ORDERS = ("modified", "updated", "changed", "version", "occurred", "event", "timestamp", "created")
_KEY_ENDS = ("id", "key", "code", "number", "no", "uuid", "sku")


@dataclass(frozen=True)
class Personal:
    """What kind of personal data a column seems to hold, and what is proposed for it."""

    kind: str
    sensitivity: Sensitivity
    treatment: Treatment


_EMAIL = Personal("an email address", "personal", "hash")
_PHONE = Personal("a phone number", "personal", "hash")
_POSTAL = Personal("a postal code", "personal", "hash")
_NAME = Personal("a person's name", "personal", "hash")
_ADDRESS = Personal("an address", "personal", "hash")
_NETWORK = Personal("a network address", "personal", "hash")
_BIRTH = Personal("a date of birth", "sensitive", "drop")
_ACCOUNT = Personal("an account or identity number", "sensitive", "hash")
_PRIVATE = Personal("private circumstances", "sensitive", "drop")

_BY_WORD: dict[str, Personal] = {
    **dict.fromkeys(("email", "mail"), _EMAIL),
    **dict.fromkeys(("phone", "telephone", "mobile", "fax", "tel"), _PHONE),
    **dict.fromkeys(("zip", "zipcode", "postcode", "postal", "plz"), _POSTAL),
    **dict.fromkeys(("firstname", "lastname", "surname", "forename", "fullname"), _NAME),
    **dict.fromkeys(("street", "address"), _ADDRESS),
    **dict.fromkeys(("ip",), _NETWORK),
    **dict.fromkeys(("birth", "birthday", "birthdate", "dob"), _BIRTH),
    **dict.fromkeys(("iban", "ssn", "passport", "card", "taxid"), _ACCOUNT),
    **dict.fromkeys(("gender", "religion", "health", "diagnosis", "salary"), _PRIVATE),
    **dict.fromkeys(("income", "marital", "age"), _PRIVATE),
}
# "name" alone is a product's as often as a person's.
_NAMES_OF_PERSONS = ("first", "last", "full", "given", "family", "middle", "maiden", "contact")
_BY_PATTERN = {"email": _EMAIL, "phone": _PHONE, "iban": _ACCOUNT, "address": _NETWORK}


def personal(column: ColumnProfile) -> Personal | None:
    """What personal data the column seems to hold; None where nothing looks like any."""
    found = _personal(column)
    if found is not None and found.treatment in KEYED and column.type == "double":
        # Two spellings of one double would hash to two values.
        return replace(found, treatment="drop")
    return found


def _personal(column: ColumnProfile) -> Personal | None:
    words = words_of(column.name)
    if "name" in words and set(words) & set(_NAMES_OF_PERSONS):
        return _NAME
    if by_word := [_BY_WORD[word] for word in (*words, "".join(words)) if word in _BY_WORD]:
        return by_word[0]
    if column.type != "string":
        return None
    likely = [name for name, share in column.patterns.items() if share >= MOSTLY]
    return _BY_PATTERN[likely[0]] if likely else None


def key_of(profile: TableProfile) -> tuple[str, ...]:
    """The columns that most probably are the business key; empty where none tells rows apart."""
    types = {column.name: column.type for column in profile.columns}

    def unlikely(key: Sequence[str]) -> tuple[int, bool, int]:
        named = sum(words_of(name)[-1:] == [end] for name in key for end in _KEY_ENDS)
        timed = any(types[name] in ("timestamp", "double") for name in key)
        return len(key) - named, timed, [*types].index(key[0])

    return min(profile.keys, key=unlikely, default=())


def order_of(profile: TableProfile) -> str | None:
    """The column that most probably says which of two versions of a row is newer."""
    times = [
        column.name
        for column in profile.columns
        if column.type in ("timestamp", "date") and not column.nulls
    ]
    ranked = [
        (_ORDERS.index(word), name) for name in times for word in words_of(name) if word in _ORDERS
    ]
    return min(ranked)[1] if ranked else None


def allowed_of(column: ColumnProfile, rows: int) -> tuple[str, ...]:
    """The only values that seem to be right; empty for anything but an enumeration."""
    few = rows >= max(_FEWEST_ROWS, _TIMES_EACH * len(column.values))
    short = len(column.values) > 1 and all(
        0 < len(value) <= _LONGEST_VALUE for value in column.values
    )
    return column.values if column.type == "string" and few and short else ()


def is_amount(column: ColumnProfile) -> bool:
    """Whether it is a number that never was negative and counts or measures something."""
    counts = column.type in ("int", "bigint", "double") or column.type.startswith("decimal")
    named = words_of(column.name)[-1:]
    return counts and named not in [[end] for end in _KEY_ENDS] and (column.minimum or -1) >= 0


def words_of(name: str) -> list[str]:
    """The words of a column's name in lower case, however it is written."""
    return [word.lower() for word in _WORDS.findall(name)]
