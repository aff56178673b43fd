"""Batches that are laid out otherwise than declared: what the job says of them, and what follows.

The job decides by the table's drift mode (docs/drift.md): a batch is taken as it is, or held. A
held batch waits for its owner, who is told why, or for the next version of the contract. Either way
it keeps no other batch from going on.

The hazard is the batch that is asked about for ever: what was refused under one contract is refused
by it again. So the ledger remembers the refusal, and only another contract or other code asks anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from product360_assets.clean.request import CleanUnit, RawBatch
from product360_assets.core.evolution import Accepted
from product360_assets.core.states import REFUSED, published_as
from resources.jobs import JobResult
from resources.ledger import ZoneState

# Details of a job's result: whether the batch is held, and why; the second also where it is not.
HELD = "held"
DRIFT = "drift"
# What a held batch waits for, and what becomes of a single difference.
EVOLVE, DISCARD, REFUSE = "evolve", "discard", "refuse"

_NEXT_MOVES: Mapping[str, str] = {
    "reordered": "deliver the declared order, or let the table `drift: freeze`",
    "narrowed": "declare the narrower type, or let the table `drift: freeze`",
    "absent": "deliver the column, or let the table `drift: freeze`, which takes it as null",
    "respelled": "declare this spelling as `source_name`, or let the table `drift: evolve`",
    "added": "declare the column, or let the table `drift: evolve` (keep it) or `discard` it",
    "widened": "declare the wider type, or let the table `drift: evolve`",
    "nested": "have it delivered as plain columns, or let the table `drift: discard` it",
    "renamed": "if it was renamed, declare the new name as `source_name`; else declare both",
    "missing": "have it delivered again, or declare it `nullable`",
    "retyped": "have the declared type delivered, or declare this one under another name",
    "ambiguous": "have one of the two renamed; nobody can tell which is meant",
    "unexplained": "have it delivered: without it no change can be applied",
}


@dataclass(frozen=True)
class Drifted:
    """A batch that is laid out otherwise than declared; `held` says what it waits for, if it does.

    `differences` are as the job reports them (`spark.transforms.drift.Difference`).
    """

    raw: RawBatch
    held: str | None
    differences: tuple[Mapping[str, Any], ...]

    @property
    def changes(self) -> list[Accepted]:
        """What its layout asks a contract for that may evolve."""
        return [
            Accepted(each["column"], each["type"], added=each["kind"] == "added")
            for each in self.differences
            if each["verdict"] == EVOLVE
        ]

    def records(self) -> list[dict[str, str]]:
        """One row for each difference, for a person: what, where, what was done, what to do."""
        return [
            {
                "batch": self.raw.batch.batch_id,
                "column": each["column"],
                "difference": each["kind"],
                "found": each["found"],
                "expected": each["expected"],
                "file": each["file"],
                "files": str(each["files"]),
                "what was done": _done(each["verdict"], self.held),
                "next move": _NEXT_MOVES[each["kind"]],
            }
            for each in self.differences
        ]


def drifted(raw: RawBatch, details: Mapping[str, str]) -> Drifted | None:
    """What a result's or a state's details say of the batch's layout; None for the declared one."""
    if DRIFT not in details:
        return None
    return Drifted(raw, details.get(HELD), tuple(json.loads(details[DRIFT])))


def refusal(unit: CleanUnit, result: JobResult, contract_version: int | None) -> ZoneState:
    """What the ledger remembers of a batch that is not made clean under this contract."""
    return ZoneState(
        batch_id=result.batch_id or "",
        zone=REFUSED,
        rows_in=0,
        rows_out=0,
        rows_quarantined=0,
        location="",
        unit=unit.id,
        code_version=unit.code_version,
        config_version=unit.config_version,
        snapshot_id=None,
        recorded_at=datetime.now(UTC),
        details={**result.details, **published_as(contract_version)},
    )


def refused_reason(found: Drifted) -> str:
    """Why a batch is not made clean, in a line."""
    told = [
        f"{each['column']}: {each['kind']} (found {each['found']}, expected {each['expected']})"
        for each in found.differences
        if each["verdict"] != "take"
    ]
    return "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")


def wanted_changes(found: Iterable[Drifted]) -> list[Accepted]:
    """What all of these batches ask for, each change once."""
    return list(dict.fromkeys(change for each in found for change in each.changes))


def _done(verdict: str, held: str | None) -> str:
    if verdict == REFUSE:
        return "the batch was refused"
    if held is not None:
        return "the batch waits with the rest of it"
    return "left out" if verdict == DISCARD else "taken as it is"
