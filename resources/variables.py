"""What a variable may hold, and the error of one that holds something else.

The hazard is a misspelt value that is taken for none: the usual one is only for what is not set.
"""

from __future__ import annotations

from collections.abc import Mapping

from resources.errors import SettingInvalid


def choice(given: Mapping[str, str], variable: str, possible: tuple[str, ...]) -> str:
    """One of the possible values; the first where nothing is said.

    Raises:
        SettingInvalid: it is none of them.
    """
    value = given.get(variable) or possible[0]
    if value in possible:
        return value
    raise SettingInvalid(
        variable,
        found=repr(value),
        expected=" or ".join(possible),
        next_move=f"unset it for {possible[0]}, or set it to one of these",
    )


def words(
    given: Mapping[str, str], variable: str, usual: str, possible: tuple[str, ...]
) -> list[str]:
    """Some of the possible values, by commas; the usual ones where nothing is said.

    Raises:
        SettingInvalid: one is none of them.
    """
    found = [word.strip() for word in (given.get(variable) or usual).split(",")]
    for word in found:
        choice({variable: word}, variable, possible)
    return found


def amount(given: Mapping[str, str], variable: str, usual: float) -> float:
    """A number above 0; the usual one where nothing is said.

    Raises:
        SettingInvalid: it is no such number.
    """
    text = given.get(variable) or str(usual)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise SettingInvalid(
            variable,
            found=repr(text),
            expected="a number above 0",
            next_move=f"unset it for {usual:g}, or set it to one",
        )
    return number
