"""Which landing dates still have work, by listing and ledger; nothing else is believed.

A date is pending when something delivered on it is not in raw, or when a batch in raw was not made
clean. Both follow from what is there, so a lost event or a killed run changes nothing.
"""

from __future__ import annotations

from datetime import date

from product360_assets.core.contract import SourceContract
from product360_assets.core.states import CLEAN
from product360_assets.raw.acceptance import Acceptance
from resources.ledger import Ledger
from resources.objects import LakeResource


def pending_landing_dates(
    contract: SourceContract, *, ledger: Ledger, lake: LakeResource
) -> set[date]:
    """The landing dates of a system on which at least one table has work to do."""
    pending: set[date] = set()
    for table in contract.tables:
        acceptance = Acceptance(
            contract, table, ledger=ledger, landing=lake.zone("landing"), raw=lake.zone("raw")
        )
        pending |= acceptance.plan().landing_dates
        made_clean = ledger.zone_states(contract.name, table.name, CLEAN)
        pending |= {
            batch.landing_date
            for batch in ledger.batches(contract.name, table.name)
            if batch.batch_id not in made_clean
        }
    return pending
