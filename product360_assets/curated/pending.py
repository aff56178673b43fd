"""Which clean batches a published table has not taken in yet, by the ledger.

A batch counts as taken in when the ledger says so for the very unit of clean data that stands now:
clean data that was made again by newer code or rules is published again. The hazard is a state that
was left open: its commit may or may not have landed, and only the table's snapshots can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from product360_assets.core.states import CLEAN, CONTRACT_VERSION
from resources.ledger import Batch, Ledger, ZoneState

COMMITTED = "committed"
OPEN = "open"


@dataclass(frozen=True)
class Input:
    """A clean table that a published table is made from.

    `whole` asks for all of its batches whenever there is work, and not only for the new ones: for
    small tables that a row is made of; what is new in one of them asks for all batches of all
    inputs. `looked_up` does without that: all of its batches are read, and the job itself finds the
    published rows that what is new in them touches. `whole_days` asks for all batches of
    a landing date of which one is new: where what is delivered on a day is one statement, in
    however many parts it comes.
    """

    source: str
    table: str
    whole: bool = False
    looked_up: bool = False
    whole_days: bool = False

    @property
    def name(self) -> str:
        """The name that jobs know it by: "shop.order"."""
        return f"{self.source}.{self.table}"


@dataclass(frozen=True)
class InputBatch:
    """One clean batch of one input, beside what the ledger knows of it in the published table."""

    input: Input
    batch: Batch
    clean: ZoneState
    recorded: ZoneState | None

    @property
    def unit(self) -> str:
        """What identifies the batch's clean data: other data, other unit."""
        return f"{self.input.name}/{self.batch.batch_id}/{self.clean.unit}"

    @property
    def contract_version(self) -> str | None:
        """Under which version of its source's contract it was made clean, where that is known."""
        return self.clean.details.get(CONTRACT_VERSION)

    @property
    def open_commit(self) -> str | None:
        """Id of the commit that was begun for this batch and never recorded as done."""
        if self.recorded is None or self.recorded.details.get("state") != OPEN:
            return None
        return self.recorded.details["commit"]

    @property
    def is_pending(self) -> bool:
        """Whether the table still has to take this batch's clean data in."""
        return (
            self.recorded is None
            or self.recorded.details.get("state") != COMMITTED
            or self.recorded.unit != self.clean.unit
        )

    def document(self) -> dict[str, Any]:
        """What a job is told about the batch."""
        return {
            "batch_id": self.batch.batch_id,
            "location": self.clean.location,
            "config_version": self.clean.config_version,
            "landing_date": self.batch.landing_date.isoformat(),
            "kind": self.batch.kind,
            "epoch": self.batch.epoch,
            "is_new": self.is_pending,
        }


def survey(ledger: Ledger, zone: str, inputs: tuple[Input, ...]) -> list[InputBatch]:
    """Every clean batch of the inputs by landing date; `zone` is the published table's."""
    found = []
    for each in inputs:
        clean = ledger.zone_states(each.source, each.table, CLEAN)
        recorded = ledger.zone_states(each.source, each.table, zone)
        for batch in ledger.batches(each.source, each.table):
            if batch.batch_id in clean:
                state = recorded.get(batch.batch_id)
                found.append(InputBatch(each, batch, clean[batch.batch_id], state))
    return found
