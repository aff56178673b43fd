"""What a zone made of a batch, as the ledger keeps it, and how to record it exactly once."""

from __future__ import annotations

from dataclasses import replace

from resources.errors import LedgerConflict
from resources.ledger import Ledger, ZoneState

# The zones whose work on a batch the ledger knows; curated tables have one each besides.
RAW = "raw"
CLEAN = "clean"
# What people released of a batch's rejected rows, after correcting them.
RELEASED = "released"


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
