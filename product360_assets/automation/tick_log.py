"""What a sensor's tick says of the objects it met, where the UI shows it: in the log of the tick.

The hazard is a first listing of a year of history: every object is counted, few are named.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

# So many objects of each kind are named.
OBJECTS_NAMED = 50

Verb = Literal["taken", "skipped", "waiting", "done"]


@dataclass
class TickLog:
    """Takes down why each object was taken, skipped, is waited for, or has ended."""

    log: logging.Logger
    counted: Counter[Verb] = field(default_factory=Counter)

    def __call__(self, verb: Verb, key: str, reason: str) -> None:
        """Say one thing of one object."""
        self.counted[verb] += 1
        if self.counted[verb] <= OBJECTS_NAMED:
            self.log.info(f"{verb}: {key}: {reason}")

    def close(self) -> str:
        """How many objects there were, in one sentence."""
        for verb, count in self.counted.items():
            if count > OBJECTS_NAMED:
                self.log.info(f"{verb}: {count - OBJECTS_NAMED} more")
        said = ", ".join(f"{count} {verb}" for verb, count in self.counted.items())
        return f"Objects: {said}." if said else "No object was announced or found."
