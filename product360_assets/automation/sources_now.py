"""Which contract each source goes by at the moment, and which sources are not taken in, and why.

The hazard is one source that stops all the others: a contract that this code cannot read holds up
its own source, and is told as an operator's pause is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from product360_assets.core.contract import SourceContract
from product360_assets.core.in_force import in_force, said_of
from resources.errors import ContractInvalid
from resources.registry import Registry


@dataclass(frozen=True)
class Sources:
    """Every source by name.

    Attributes:
        contracts: the contract in force; Git's where that cannot be read.
        waiting: why what a source delivers waits, for those of which it does.
    """

    contracts: Mapping[str, SourceContract]
    waiting: Mapping[str, str]

    def said(self) -> list[str]:
        """A sentence for each source that is not taken in."""
        return [f"What {name} delivers waits: {why}." for name, why in self.waiting.items()]


def sources_now(registry: Registry, declared: Iterable[SourceContract]) -> Sources:
    """What the registry says of the sources that Git declares."""
    contracts: dict[str, SourceContract] = {}
    waiting: dict[str, str] = {}
    for each in declared:
        contracts[each.name] = each
        try:
            contracts[each.name] = in_force(registry, each).contract
        except ContractInvalid as error:
            waiting[each.name] = str(error).rstrip(".")
        if said := said_of(registry.switches(each.name)):
            waiting[each.name] = f"it is {said}"
    return Sources(contracts, waiting)
