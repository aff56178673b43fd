"""How a contract follows what its source delivers: new columns at its end, wider types, no more.

A change that a table with `drift: evolve` accepts becomes the next version in the registry, so that
every later run reads it, on any machine. Git stays where contracts are written: a version from the
registry is in force only as long as it says what the source's file says, and more; a file that says
otherwise has been edited since, and holds.

The hazard: another version would make a year of clean data again. What an earlier version of this
kind made stays valid: its rows are the same, with null where they had no such column.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from product360_assets.core.contract import ColumnContract, SourceContract, TableContract
from resources.errors import RegistryConflict
from resources.registry import Published, Registry
from spark.tables.widening import may_become

PUBLISHED_BY = "product360: drift"
_ATTEMPTS = 3
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Change:
    """One accepted change: `column` by its name at the source, and the type it now has."""

    column: str
    type: str
    added: bool


def in_force(registry: Registry, contract: SourceContract) -> SourceContract:
    """The contract that runs go by: the file's, with what was accepted since."""
    return _in_force(registry.latest(contract.name), contract)


def _in_force(latest: Published | None, contract: SourceContract) -> SourceContract:
    if latest is None:
        return contract
    found = SourceContract.model_validate(latest.document)
    evolved = {table.name: table for table in found.tables}
    tables = [_followed(table, evolved.get(table.name)) for table in contract.tables]
    return contract.model_copy(update={"tables": tuple(tables)})


def evolve(
    registry: Registry, contract: SourceContract, table: str, changes: Collection[Change]
) -> SourceContract:
    """Publish the contract with these changes of a table as the next version; returns it.

    Raises:
        RegistryConflict: others kept publishing meanwhile.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        latest = registry.latest(contract.name)
        # Of the very version that the next one follows: another's changes must not be lost.
        evolved = with_changes(_in_force(latest, contract), table, changes)
        try:
            if latest is None:
                latest = _publish(registry, contract, expected=None, note="as the file says")
            _publish(registry, evolved, expected=latest.version, note=_note(table, changes))
        except RegistryConflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return evolved
    raise AssertionError("the last attempt returns or raises")


def compatible_versions(registry: Registry, contract: SourceContract, table: str) -> frozenset[str]:
    """Configuration versions whose clean rows are what this contract would make of them today."""
    later = contract.table(table)
    found = set()
    for published in reversed(registry.versions(contract.name)):
        earlier = SourceContract.model_validate(published.document)
        names = {each.name for each in earlier.tables}
        if table not in names or not is_evolution(earlier.table(table), later):
            break
        later = earlier.table(table)
        found.add(earlier.config_version(table))
    return frozenset(found)


def is_evolution(earlier: TableContract, later: TableContract) -> bool:
    """Whether `later` says what `earlier` does, with wider types and more nullable columns."""
    kept = later.columns[: len(earlier.columns)]
    added = later.columns[len(earlier.columns) :]
    if len(kept) < len(earlier.columns) or not all(column.nullable for column in added):
        return False
    if not all(map(_is_same_or_wider, earlier.columns, kept)):
        return False
    same = {"columns": ()}
    return earlier.model_copy(update=same) == later.model_copy(update=same)


def with_changes(contract: SourceContract, table: str, changes: Iterable[Change]) -> SourceContract:
    """The contract with these changes of one table; those it has already change nothing."""
    declared = contract.table(table)
    columns = {column.delivered_name: column for column in declared.columns}
    for change in changes:
        known = columns.get(change.column)
        if known is None:
            taken = {column.name for column in columns.values()}
            columns[change.column] = _new_column(change, taken)
        elif may_become(known.type, change.type):
            columns[change.column] = known.model_copy(update={"type": change.type})
    evolved = declared.model_copy(update={"columns": tuple(columns.values())})
    tables = [evolved if each.name == table else each for each in contract.tables]
    return SourceContract.model_validate(
        contract.model_copy(update={"tables": tuple(tables)}).model_dump()
    )


def column_name(delivered: str, taken: Collection[str]) -> str:
    """A name of ours for a delivered column: lower case, digits and `_`, none of the taken ones."""
    plain = _NOT_IN_A_NAME.sub("_", delivered.lower()).strip("_") or "column"
    name = (plain if plain[0].isalpha() else f"column_{plain}")[:_LONGEST_NAME]
    number = 2
    found = name
    while found in taken:
        found = f"{name[: _LONGEST_NAME - 4]}_{number}"
        number += 1
    return found


def _followed(written: TableContract, evolved: TableContract | None) -> TableContract:
    """The table as it is written, with what was accepted since."""
    if evolved is None or not is_evolution(written, evolved):
        return written
    columns = [
        column.model_copy(update={"type": later.type})
        for column, later in zip(written.columns, evolved.columns, strict=False)
    ]
    added = evolved.columns[len(columns) :]
    return written.model_copy(update={"columns": (*columns, *added)})


def _new_column(change: Change, taken: Collection[str]) -> ColumnContract:
    name = column_name(change.column, taken)
    return ColumnContract(
        name=name,
        source_name=None if name == change.column else change.column,
        type=change.type,
        nullable=True,
        description="Appeared in a delivery; nobody has described it yet.",
        # Until somebody says otherwise: it may hold anything.
        sensitivity="sensitive",
    )


def _is_same_or_wider(earlier: ColumnContract, later: ColumnContract) -> bool:
    same = {"type": "string", "description": "-", "sensitivity": "public"}
    if earlier.model_copy(update=same) != later.model_copy(update=same):
        return False
    return earlier.type == later.type or may_become(earlier.type, later.type)


def _publish(
    registry: Registry, contract: SourceContract, *, expected: int | None, note: str
) -> Published:
    document = contract.model_dump(mode="json")
    return registry.publish(contract.name, document, expected=expected, note=note, by=PUBLISHED_BY)


def _note(table: str, changes: Iterable[Change]) -> str:
    told = [
        f"{'new column' if each.added else 'wider type of'} {each.column} ({each.type})"
        for each in changes
    ]
    return f"{table}: {', '.join(told)}"
