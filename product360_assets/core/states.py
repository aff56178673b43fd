"""What a zone made of a batch, as the ledger keeps it, and how to record it exactly once."""

from __future__ import annotations

from dataclasses import replace

from product360_assets.core.contract import SourceContract, TableContract
from resources.errors import LedgerConflict
from resources.ledger import Ledger, ZoneState

# The zones whose work on a batch the ledger knows; curated tables have one each besides.
RAW = "raw"
CLEAN = "clean"
# Batches that are laid out in a way that the table's drift mode refuses.
REFUSED = "refused"
# What people released of a batch's rejected rows, after correcting them.
RELEASED = "released"
# Present in a state's details when its contract was published: under which version.
CONTRACT_VERSION = "contract.version"


def published_as(version: int | None) -> dict[str, str]:
    """Details of a state whose contract was published under a version; none where it was not."""
    return {} if version is None else {CONTRACT_VERSION: str(version)}


def settled_batches(contract: SourceContract, table: TableContract, ledger: Ledger) -> set[str]:
    """Batches with which there is nothing to do: made clean, or refused by this very contract."""
    clean = ledger.zone_states(contract.name, table.name, CLEAN)
    refused = ledger.zone_states(contract.name, table.name, REFUSED)
    asked = contract.config_version(table.name)
    return {*clean, *(each for each, state in refused.items() if state.config_version == asked)}


def is_settled(
    contract: SourceContract, table: TableContract, ledger: Ledger, batch_id: str
) -> bool:
    """The same of one batch, for the cost of one."""
    if ledger.zone_state(batch_id, CLEAN) is not None:
        return True
    refused = ledger.zone_state(batch_id, REFUSED)
    return refused is not None and refused.config_version == contract.config_version(table.name)


def record_once(
    ledger: Ledger, state: ZoneState, *, replacing: ZoneState | None = None
) -> ZoneState:
    """Record a state; when another process was first with the same outcome, return that one.

    Raises:
        LedgerConflict: the ledger holds another outcome.
    """
    try:
        ledger.record_zone(state, replacing=replacing)
    except LedgerConflict:
        held = ledger.zone_state(state.batch_id, state.zone)
        if held is None or replace(held, recorded_at=state.recorded_at) != state:
            raise
        return held
    return state
