"""What a zone made of a batch, as the ledger keeps it, and how to record it exactly once."""

from __future__ import annotations

from dataclasses import replace

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
