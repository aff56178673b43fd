"""How a contract follows what its source delivers: new columns at its end, wider types, no more.

A change that a table with `drift: evolve` accepts becomes the next version in the registry, so that
every later run goes by it, on any machine.

The hazard: another version would make a year of clean data again. What an earlier version of this
kind made stays valid: its rows are the same, with null where they had no such column.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from product360_assets.core.contract import ColumnContract, SourceContract, TableContract
from product360_assets.core.in_force import InForce, contract_of, document_of, in_force
from resources.errors import RegistryConflict
from resources.registry import Registry
from spark.tables.widening import may_become

PUBLISHED_BY = "product360: drift"
_ATTEMPTS = 3
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Accepted:
    """One accepted change: `column` by its name at the source, and the type it now has."""

    column: str
    type: str
    added: bool

    def __str__(self) -> str:
        return f"{'new column' if self.added else 'wider type of'} {self.column} ({self.type})"


def evolve(
    registry: Registry, declared: SourceContract, table: str, changes: Collection[Accepted]
) -> InForce:
    """Bring the contract in force into force again, with these changes of a table.

    Raises:
        RegistryConflict: others kept publishing meanwhile.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        # Of the very version that the next one follows: another's changes must not be lost.
        agreed = in_force(registry, declared)
        evolved = with_changes(agreed.contract, table, changes)
        try:
            published = registry.publish(
                declared.name,
                document_of(evolved),
                expected=agreed.version,
                note=f"{table}: {', '.join(map(str, changes))}",
                by=PUBLISHED_BY,
            )
        except RegistryConflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return InForce(contract_of(published), published.version)
    raise AssertionError("the last attempt returns or raises")


def compatible_versions(registry: Registry, contract: SourceContract, table: str) -> frozenset[str]:
    """Configuration versions whose clean rows are what this contract would make of them today."""
    found: set[str] = set()
    for published in reversed(registry.versions(contract.name)):
        earlier = contract_of(published)
        if not is_evolution(earlier, contract, table):
            break
        found.add(earlier.config_version(table))
    return frozenset(found)


def is_evolution(earlier: SourceContract, later: SourceContract, table: str) -> bool:
    """Whether `later` makes the rows that `earlier` did, but for wider types and more columns."""
    if table not in {each.name for each in earlier.tables}:
        return False
    before, after = earlier.table(table), later.table(table)
    columns = {column.name: column for column in after.columns}
    kept = [columns.pop(column.name, None) for column in before.columns]
    if not all(column.nullable for column in columns.values()):
        return False
    reduced = []
    for old, new in zip(before.columns, kept, strict=True):
        if new is None or (old.type != new.type and not may_become(old.type, new.type)):
            return False
        reduced.append(new.model_copy(update={"type": old.type}))
    as_before = _with_columns(later, table, reduced)
    return as_before.config_version(table) == earlier.config_version(table)


def with_changes(
    contract: SourceContract, table: str, changes: Iterable[Accepted]
) -> SourceContract:
    """The contract with these changes of one table; those it has already change nothing."""
    declared = contract.table(table).columns
    columns = {column.delivered_name.casefold(): column for column in declared}
    for change in changes:
        name = change.column.casefold()
        if name not in columns:
            columns[name] = _new_column(change, {column.name for column in columns.values()})
        elif may_become(columns[name].type, change.type):
            columns[name] = columns[name].model_copy(update={"type": change.type})
    evolved = _with_columns(contract, table, columns.values())
    return SourceContract.model_validate(document_of(evolved))


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


def _new_column(change: Accepted, taken: Collection[str]) -> ColumnContract:
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


def _with_columns(
    contract: SourceContract, table: str, columns: Iterable[ColumnContract]
) -> SourceContract:
    def changed(each: TableContract) -> TableContract:
        return each.model_copy(update={"columns": tuple(columns)}) if each.name == table else each

    return contract.model_copy(update={"tables": tuple(map(changed, contract.tables))})
