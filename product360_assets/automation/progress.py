"""What can be seen of a run while it works.

One `Finished` tells a system's part in a zone, or one published table with its checks, because
nobody reads a line per step. Needs nothing but Python, so that a screen can be ready before Dagster
is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Working:
    """A step at work; `said` is the last that it said of itself."""

    zone: str
    name: str
    step: str
    said: str = ""


@dataclass(frozen=True)
class Finished:
    """What a run did for one system in one zone, or for one published table.

    Attributes:
        zone, name: the first two parts of the asset keys.
        files: objects; None in zones that count rows only.
        batches: batches taken in; None where there are none.
        rows_in, rows_out, rows_quarantined: None where nobody counts them.
        outcome: what a published table says of itself: published, recovered, unchanged.
        failed: whether a step failed, or never had its turn.
        reached: whether any step had its turn.
        seconds: the time of its steps, added up.
    """

    zone: str
    name: str
    files: int | None
    batches: int | None
    rows_in: int | None
    rows_out: int | None
    rows_quarantined: int | None
    checks: int
    checks_passed: int
    outcome: str | None
    failed: bool
    reached: bool
    seconds: float


Seen: TypeAlias = Working | Finished
