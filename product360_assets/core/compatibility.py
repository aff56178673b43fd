"""What differs between two versions of a source's contract, and what of it would break somebody.

A change is compatible when everything that was delivered and made under the version before stays
right: a nullable column more, a wider type, null allowed where it was not, further allowed values,
a table more, other words. It is breaking when what lies in raw could not be read any more, or what
is published would lose something, or mean something else.

The hazard is an attribute that somebody adds to the contract tomorrow: it is compared like all
others, and counts as compatible until a rule below says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel

from product360_assets.core.contract import SourceContract
from resources.errors import ContractBreaking
from spark.tables.widening import may_become

# Why a change is breaking, and what can be done instead; None where it is not.
Verdict: TypeAlias = tuple[str, str] | None
Rules: TypeAlias = Mapping[str, Callable[[Any, Any], Verdict]]

NOTHING = "nothing"


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        table: its name; empty where the source itself differs.
        part: the column, or `rule` and its name; empty where the table itself differs.
        attribute: what of it; empty where the whole of it is new or gone.
        before, after: what the versions say, in words.
        breaks: why it is breaking; empty where it is compatible.
        instead: what can be done instead; empty where it is compatible.
    """

    table: str
    part: str
    attribute: str
    before: str
    after: str
    breaks: str = ""
    instead: str = ""

    @property
    def place(self) -> str:
        """Where it is: `order, column total, type`."""
        return ", ".join(filter(None, (self.table, self.part, self.attribute))) or "the source"

    def __str__(self) -> str:
        return f"{self.place}: {self.before} → {self.after}"


def changes(before: SourceContract, after: SourceContract) -> list[Change]:
    """Every difference, the source's own first, then table by table."""
    found = list(_attributes(before, after, "", "", _SOURCE))
    for name, old, new in _pairs(before.tables, after.tables):
        if old is None or new is None:
            found.append(_appeared_or_gone(name, "", old, new, _TABLE_GONE if old else None))
            continue
        found += _attributes(old, new, name, "", _TABLE)
        found += _parts("column", name, old.columns, new.columns, _COLUMN)
        found += _parts("rule", name, old.rules, new.rules, {})
    return found


def breaking(found: Sequence[Change]) -> list[Change]:
    """Those that would break somebody."""
    return [change for change in found if change.breaks]


def refuse_breaking(source: str, version: int, found: Sequence[Change]) -> None:
    """Let only compatible changes pass.

    Raises:
        ContractBreaking: the message names each breaking change and what to do instead.
    """
    if not (broken := breaking(found)):
        return
    raise ContractBreaking(
        f"contract of source {source}",
        found="; ".join(f"{change.place}: {change.after}" for change in broken),
        expected="; ".join(
            f"{change.place}: {change.before}, as version {version} says ({change.breaks})"
            for change in broken
        ),
        next_move="; ".join(dict.fromkeys(change.instead for change in broken))
        + f"; or, when everybody who relies on it knows: product360 registry publish {source} "
        "--breaking --why …",
    )


def is_wider(before: str, after: str) -> bool:
    """Whether every value of one type is exactly a value of the other, also in stored tables."""
    return may_become(before, after)


# --- rules ------------------------------------------------------------------------------------


def _never(why: str, instead: str) -> Callable[[Any, Any], Verdict]:
    return lambda _before, _after: (why, instead)


def _type(before: str, after: str) -> Verdict:
    if is_wider(before, after):
        return None
    return (
        "not every value of the one is one of the other",
        "widen only (int to bigint, a decimal to more digits of the same scale), or give the new "
        "meaning a column of its own",
    )


def _nullable(before: bool, after: bool) -> Verdict:
    if after and not before:
        return None
    return ("nulls were delivered under it", "leave it nullable, and add a rule that warns")


def _allowed(before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> Verdict:
    if after is None or (before is not None and set(before) <= set(after)):
        return None
    return ("values that were right would be wrong", "keep the values, and add a rule that warns")


_SOURCE: Rules = {
    "kind": _never("deliveries of another kind lie elsewhere", "make a source of its own of it"),
    "time_zone": _never("every business day would begin elsewhere", "leave the zone"),
}
_TABLE: Rules = {
    "source_name": _never(
        "what waits under the old name would never be taken", "add the new one as a further table"
    ),
    "format": _never("what raw holds could not be read any more", "add a further table for it"),
    "key": _never("other rows would be the same row", "leave the key, or add a further table"),
    "order": _never("another version of a row would be the newest", "leave the order"),
}
_COLUMN: Rules = {
    "type": _type,
    "nullable": _nullable,
    "allowed": _allowed,
    "source_name": _never(
        "what raw holds has the column under its old name", "add a nullable column for the new name"
    ),
    "treatment": _never("the same value would be another one in clean", "leave the treatment"),
}
_TABLE_GONE: Verdict = ("its published rows would never change again", "leave the table declared")
_COLUMN_GONE: Verdict = (
    "what is published would lose it",
    "leave it declared; a nullable column may stay empty",
)
_COLUMN_REQUIRED: Verdict = ("what was delivered before lacks it", "declare it nullable")


# --- comparing --------------------------------------------------------------------------------


def _attributes(
    before: BaseModel, after: BaseModel, table: str, part: str, rules: Rules
) -> Iterator[Change]:
    for name in type(after).model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if name in _COMPARED_BY_NAME or old == new:
            continue
        verdict = rules[name](old, new) if name in rules else None
        yield Change(table, part, name, _said(old), _said(new), *(verdict or ("", "")))


_COMPARED_BY_NAME = frozenset({"tables", "columns", "rules"})


def _parts(
    kind: str, table: str, before: Sequence[Any], after: Sequence[Any], rules: Rules
) -> Iterator[Change]:
    is_column = kind == "column"
    for name, old, new in _pairs(before, after):
        part = f"{kind} {name}"
        if old is None:
            verdict = _COLUMN_REQUIRED if is_column and not new.nullable else None
            yield _appeared_or_gone(table, part, old, new, verdict)
        elif new is None:
            yield _appeared_or_gone(table, part, old, new, _COLUMN_GONE if is_column else None)
        else:
            yield from _attributes(old, new, table, part, rules)


def _appeared_or_gone(
    table: str, part: str, before: object, after: object, verdict: Verdict
) -> Change:
    return Change(table, part, "", _whole(before), _whole(after), *(verdict or ("", "")))


def _pairs(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    """(name, old or None, new or None), in the old order, then the new ones."""
    old, new = ({each.name: each for each in side} for side in (before, after))
    for name in dict.fromkeys([*old, *new]):
        yield name, old.get(name), new.get(name)


def _whole(declared: object) -> str:
    if declared is None:
        return NOTHING
    kind = getattr(declared, "type", None)
    if kind is None:
        return "declared"
    return f"{kind}, {'nullable' if getattr(declared, 'nullable', False) else 'not null'}"


def _said(value: object) -> str:
    if value is None or value == ():
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value.model_dump()) if isinstance(value, BaseModel) else str(value)
