"""Making batches clean while the contract follows what their layouts ask for.

A batch that waits for a wider contract names what it needs. The next version with just that goes to
the registry first and the batch is made clean by it afterwards, so that no row is ever published by
a contract that others cannot read. The hazard is two runs that meet the same new column: both find
the other's version, take it for their own, and go on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from product360_assets.clean.drift import EVOLVE, wanted_changes
from product360_assets.clean.work import Cleaned, CleanedBatch, Cleaning
from product360_assets.core.contract import TableContract
from product360_assets.core.evolution import Accepted, compatible_versions, evolve
from resources.registry import Registry

# Text shows only after each widening whether it is wide enough, and there are two widths at most.
_ROUNDS = 4


@dataclass(frozen=True)
class Evolved:
    """What came of the batches, and the table's contract at the end.

    `version` is the contract's in the registry, and `changes` are what was accepted on the way.
    """

    cleaned: Cleaned
    table: TableContract
    version: int | None
    changes: tuple[Accepted, ...] = ()


def clean_evolving(
    cleaning: Cleaning, registry: Registry, landing_dates: Collection[date]
) -> Evolved:
    """Make every batch of these days clean that is not, by the contract in force and what follows.

    Raises:
        RegistryConflict: others kept publishing versions of this contract.
        JobFailed, ReportMissing, EngineUnavailable: see Cleaning.clean.
    """
    done: list[Cleaned] = []
    changes: list[Accepted] = []
    while True:
        contract, table = cleaning.contract, cleaning.table.name
        compatible = compatible_versions(registry, contract, table)
        done.append(replace(cleaning, compatible=compatible).clean(landing_dates))
        wanted = wanted_changes(each for each in done[-1].drifted if each.held == EVOLVE)
        if not wanted or len(done) == _ROUNDS:
            return Evolved(
                _together(done), cleaning.table, cleaning.contract_version, tuple(changes)
            )
        agreed = evolve(registry, contract, table, wanted)
        changes += wanted
        cleaning.log(f"{contract.name} has version {agreed.version}: {', '.join(map(str, wanted))}")
        cleaning = replace(
            cleaning,
            contract=agreed.contract,
            table=agreed.table(table),
            contract_version=agreed.version,
        )


def _together(done: list[Cleaned]) -> Cleaned:
    """All rounds as one: the last one knows every batch, the earlier ones what they made."""
    made = {
        each.raw.batch.batch_id: each for cleaned in done for each in cleaned.batches if each.made
    }

    def of_this_run(each: CleanedBatch) -> CleanedBatch:
        return made.get(each.raw.batch.batch_id, each)

    return replace(
        done[-1],
        batches=tuple(map(of_this_run, done[-1].batches)),
        reports=tuple(report for cleaned in done for report in cleaned.reports),
    )
