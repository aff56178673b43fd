"""Which delivered objects still have work, by listing and ledger; nothing else is believed.

An object is pending when it is not in raw, when its batch was not made clean (unless this very
contract refuses it), or when it is another version of what was accepted that nobody has looked at.
All of it follows from what is there, so a lost event or a killed run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.states import settled_batches
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.rewritten import RewrittenObjects
from resources.ledger import LandedObject, Ledger
from resources.objects import LakeResource


@dataclass(frozen=True)
class PendingObject:
    """One version of a delivered object, and the day on whose partition there is work with it."""

    table: str
    landing_date: date
    landed: LandedObject


def pending_landing_dates(
    contract: SourceContract, *, ledger: Ledger, lake: LakeResource
) -> set[date]:
    """The landing dates of a system on which at least one table has work to do.

    `contract` is the one in force: another one asks again for what it refused before.
    """
    return {each.landing_date for each in pending_objects(contract, ledger=ledger, lake=lake)}


def pending_objects(
    contract: SourceContract, *, ledger: Ledger, lake: LakeResource
) -> Iterator[PendingObject]:
    """Every object of a system with which there is work to do. Lists all of its landing area."""
    for table in contract.tables:
        yield from _pending(contract, table, ledger=ledger, lake=lake)


def _pending(
    contract: SourceContract, table: TableContract, *, ledger: Ledger, lake: LakeResource
) -> Iterator[PendingObject]:
    landing, raw = lake.zone("landing"), lake.zone("raw")
    plan = Acceptance(contract, table, ledger=ledger, landing=landing, raw=raw).plan()
    settled = settled_batches(contract, table, ledger)
    accepted = ledger.batches(contract.name, table.name)
    for batch in (*plan.new, *(each for each in accepted if each.batch_id not in settled)):
        for landed in batch.objects:
            yield PendingObject(table.name, batch.landing_date, landed)
    if plan.rewritten:
        known = RewrittenObjects(contract.name, table.name, ledger, landing, raw)
        for each in known.unknown(plan.rewritten):
            yield PendingObject(table.name, each.landing_date, each.landed)
