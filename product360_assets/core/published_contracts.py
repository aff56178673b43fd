"""The contracts of published tables: what readers rely on, and which changes would break them.

A contract is what the dictionary says of a table, but for its words: version, owner, grain, key,
partitioning, freshness, and of each column its type, whether it may be null, and its sensitivity. A
nullable column more, or a wider type, leaves every query right. Whatever else changes for readers
needs a new version of the contract and a line in the changelog that names it.

The hazard is the change that nobody meant: a renamed column is a dropped one to every dashboard. So
the contracts as they were last agreed on are kept as a file, and compared with the dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from product360_assets.core.compatibility import NOTHING, Change, Verdict
from resources.errors import ContractBreaking
from spark.tables import Table
from spark.tables.widening import may_become

Contract: TypeAlias = Mapping[str, Any]
Contracts: TypeAlias = Mapping[str, Contract]
Rules: TypeAlias = Mapping[str, Callable[[Any, Any], Verdict]]

_NEW_TABLE = "publish a further table, and let readers move"


def contracts_of(tables: Iterable[Table]) -> dict[str, Contract]:
    """The contract of each table by identifier, in alphabetical order; plain JSON."""
    return {table.identifier: contract_of(table) for table in sorted(tables, key=_identifier)}


def contract_of(table: Table) -> Contract:
    """What the readers of one table rely on."""
    return {
        "version": table.version,
        "owner": table.owner,
        "grain": table.grain,
        "key": list(table.key),
        "partition": list(table.partition),
        "freshness_hours": table.freshness_hours,
        "columns": {
            column.name: {"type": column.type, "nullable": column.nullable, "tag": column.tag}
            for column in table.columns
        },
    }


def changes(before: Contracts, after: Contracts) -> list[Change]:
    """Every difference, table by table; version numbers are not one."""
    found: list[Change] = []
    for name, old, new in _pairs(before, after):
        if old is None or new is None:
            verdict = _TABLE_GONE if new is None else None
            found.append(_change(name, "", "", _published(old), _published(new), verdict))
            continue
        found += _attributes(name, "", old, new, _TABLE)
        for column, had, has in _pairs(old["columns"], new["columns"]):
            part = f"column {column}"
            if had is None or has is None:
                verdict = _column_appeared_or_gone(has)
                found.append(_change(name, part, "", _kind(had), _kind(has), verdict))
            else:
                found += _attributes(name, part, had, has, _COLUMN)
    return found


def refuse_unannounced(before: Contracts, after: Contracts, changelog: str) -> None:
    """Let a breaking change pass only with a new version that the changelog names.

    Args:
        before: the contracts as last agreed on.
        after: as the dictionary says now.
        changelog: what is new since the last release, as readers are told.

    Raises:
        ContractBreaking: the message names each breaking change and what to do instead.
    """
    broken = [
        change
        for change in changes(before, after)
        if change.breaks and not _is_announced(change.table, before, after, changelog)
    ]
    if not broken:
        return
    tables = list(dict.fromkeys(change.table for change in broken))
    raise ContractBreaking(
        f"contract of published table {', '.join(tables)}",
        found="; ".join(f"{change.place}: {change.after}" for change in broken),
        expected="; ".join(
            f"{change.place}: {change.before} ({change.breaks})" for change in broken
        ),
        next_move="; ".join(dict.fromkeys(change.instead for change in broken))
        + "; or, when its readers know, "
        + " and ".join(_announcement(name, before, after) for name in tables),
    )


# --- rules ------------------------------------------------------------------------------------


def _type(before: str, after: str) -> Verdict:
    if may_become(before, after):
        return None
    return ("not every value of the one is one of the other", "widen only, or add a column")


def _nullable(_before: bool, after: bool) -> Verdict:
    if after:
        return ("readers count on a value", "leave it not null, or add a nullable column")
    return ("rows that are published hold nulls", "leave it nullable, and claim that none is there")


def _freshness(before: int, after: int) -> Verdict:
    return ("readers count on newer rows", "leave the hours") if after > before else None


def _never(why: str) -> Callable[[Any, Any], Verdict]:
    return lambda _before, _after: (why, _NEW_TABLE)


_TABLE: Rules = {
    "grain": _never("one row would mean something else"),
    "key": _never("joins by the key would multiply or lose rows"),
    "partition": _never("queries that name the partition would read everything"),
    "freshness_hours": _freshness,
}
_COLUMN: Rules = {"type": _type, "nullable": _nullable}
_TABLE_GONE: Verdict = ("every query over it would fail", "leave the table declared")
_COLUMN_GONE: Verdict = (
    "every query that names it would fail",
    "leave it declared; a nullable column may stay empty",
)
_COLUMN_REQUIRED: Verdict = ("rows that are published lack it", "declare it nullable")


def _column_appeared_or_gone(has: Contract | None) -> Verdict:
    if has is None:
        return _COLUMN_GONE
    return None if has["nullable"] else _COLUMN_REQUIRED


# --- announcing -------------------------------------------------------------------------------


def _is_announced(name: str, before: Contracts, after: Contracts, changelog: str) -> bool:
    is_newer = name not in after or after[name]["version"] > before[name]["version"]
    return is_newer and re.search(_words(name, after), changelog) is not None


def _words(name: str, after: Contracts) -> str:
    """What the changelog has to say of a table that changed for its readers, as a pattern."""
    if name not in after:
        return rf"(?i)`{re.escape(name)}`.*\bremoved\b"
    return rf"(?i)`{re.escape(name)}`.*\bversion {after[name]['version']}\b"


def _announcement(name: str, before: Contracts, after: Contracts) -> str:
    if name not in after:
        return f"say in the changelog that `{name}` was removed"
    version = before[name]["version"] + 1
    return f"give {name} version={version} and say `{name}` version {version} in the changelog"


# --- comparing --------------------------------------------------------------------------------


def _attributes(
    table: str, part: str, before: Contract, after: Contract, rules: Rules
) -> Iterator[Change]:
    for name, old in before.items():
        new = after[name]
        if name in _COMPARED_OTHERWISE or old == new:
            continue
        verdict = rules[name](old, new) if name in rules else None
        yield _change(table, part, name, _said(old), _said(new), verdict)


_COMPARED_OTHERWISE = frozenset({"columns", "version"})


def _change(
    table: str, part: str, attribute: str, before: str | None, after: str | None, verdict: Verdict
) -> Change:
    return Change(
        table, part, attribute, before or NOTHING, after or NOTHING, *(verdict or ("", ""))
    )


def _pairs(
    before: Mapping[str, Contract], after: Mapping[str, Contract]
) -> Iterator[tuple[str, Contract | None, Contract | None]]:
    for name in dict.fromkeys([*before, *after]):
        yield name, before.get(name), after.get(name)


def _published(contract: Contract | None) -> str | None:
    return None if contract is None else "published"


def _kind(column: Contract | None) -> str | None:
    if column is None:
        return None
    return f"{column['type']}, {'nullable' if column['nullable'] else 'not null'}"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or NOTHING
    return str(value)


def _identifier(table: Table) -> str:
    return table.identifier
