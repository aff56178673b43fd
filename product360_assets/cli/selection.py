"""Which contracts and tables a command is about: those in force, of one source, or one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

import typer

from product360_assets.core.contract import SourceContract, TableContract, known_contracts
from product360_assets.core.in_force import all_in_force
from resources.environments import platform_resources

if TYPE_CHECKING:
    from resources.registry import RegistryResource


def contracts_in_force() -> Mapping[str, SourceContract]:
    """The contract of every source as the registry has it in force.

    Raises:
        ContractInvalid: what is published is no contract to this code.
    """
    registry = cast("RegistryResource", platform_resources()["registry"]).open()
    return all_in_force(registry, known_contracts())


def chosen_tables(
    source: str | None, table: str | None
) -> Iterator[tuple[SourceContract, TableContract]]:
    """The tables that a command's options choose.

    Raises:
        BadParameter: there is no such source or table; exit status 2.
    """
    contracts = contracts_in_force()
    if source is None and table is not None:
        raise typer.BadParameter("a table needs its --source", param_hint="--table")
    if source is not None and source not in contracts:
        names = ", ".join(contracts)
        raise typer.BadParameter(f"no source {source!r}; there are {names}", param_hint="--source")
    for contract in [contracts[source]] if source else contracts.values():
        names = ", ".join(each.name for each in contract.tables)
        if table is not None and table not in names.split(", "):
            raise typer.BadParameter(
                f"no table {table!r} in {contract.name}; there are {names}", param_hint="--table"
            )
        for each in contract.tables:
            if table in (None, each.name):
                yield contract, each
