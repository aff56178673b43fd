"""Which landing dates still have work, by listing and ledger; nothing else is believed.

A date is pending when something delivered on it is not in raw, or when a batch in raw was not made
clean, unless this very contract refuses it. All of it follows from what is there, so a lost event
or a killed run changes nothing.
"""

from __future__ import annotations

from datetime import date

from product360_assets.core.contract import SourceContract
from product360_assets.core.states import CLEAN, REFUSED
from product360_assets.raw.acceptance import Acceptance
from resources.ledger import Ledger
from resources.objects import LakeResource


def pending_landing_dates(
    contract: SourceContract, *, ledger: Ledger, lake: LakeResource
) -> set[date]:
    """The landing dates of a system on which at least one table has work to do.

    `contract` is the one in force: another one asks again for what it refused before.
    """
    pending: set[date] = set()
    for table in contract.tables:
        acceptance = Acceptance(
            contract, table, ledger=ledger, landing=lake.zone("landing"), raw=lake.zone("raw")
        )
        pending |= acceptance.plan().landing_dates
        settled = set(ledger.zone_states(contract.name, table.name, CLEAN))
        settled |= {
            batch_id
            for batch_id, state in ledger.zone_states(contract.name, table.name, REFUSED).items()
            if state.config_version == contract.config_version(table.name)
        }
        pending |= {
            batch.landing_date
            for batch in ledger.batches(contract.name, table.name)
            if batch.batch_id not in settled
        }
    return pending
