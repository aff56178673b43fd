"""Readers that look at a table twenty times a second, and the judge of what they saw.

    python tests/faults/witnesses.py HOME SQL

Each reader is a process of its own and asks what any reader asks: the warehouse. It writes down
what it saw, when it asked and when it knew. The judge is told which states the table went through,
in order, and holds every reading against them: it is one of the states, no reader ever goes back,
and what was acknowledged before a reader asked is there.

The hazard is a reader that saw nothing at all, so the judge wants readings of every reader.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from resources.catalog import LocalCatalogResource
from resources.errors import Product360Error
from resources.local.warehouse import LocalWarehouse

PERIOD_SECONDS = 0.05
ROOT = Path(__file__).parents[2]
State = tuple[tuple[object, ...], ...]


@dataclass(frozen=True)
class Reading:
    """What one reader saw; times are of the machine's monotonic clock."""

    reader: int
    began: float
    ended: float
    state: State


@dataclass(frozen=True)
class History:
    """The states that a table went through, in order.

    `acknowledged` tells, by place in the order, when a writer knew that the table is there.
    """

    states: Sequence[State]
    acknowledged: Mapping[int, float] = field(default_factory=dict)

    def violations(self, readings: Sequence[Reading]) -> list[str]:
        """Everything that some reader should not have seen, in words."""
        assert len(set(self.states)) == len(self.states), "states must differ to be told apart"
        places = {state: place for place, state in enumerate(self.states)}
        reached: dict[int, int] = {}
        found = []
        for reading in sorted(readings, key=lambda each: each.began):
            place, who = places.get(reading.state), f"reader {reading.reader}"
            if place is None:
                found.append(f"{who} saw {reading.state}, which no commit left")
                continue
            if place < reached.get(reading.reader, 0):
                found.append(f"{who} went back from {reached[reading.reader]} to {place}")
            if place < (known := self._known_at(reading.began)):
                found.append(f"{who} saw {place} when {known} had been acknowledged")
            reached[reading.reader] = place
        return found

    def _known_at(self, moment: float) -> int:
        return max((place for place, at in self.acknowledged.items() if at < moment), default=0)


class Witnesses:
    """Reader processes, for as long as the block lasts; then what they saw is in `readings`."""

    def __init__(self, home: Path, sql: str, *, readers: int = 2) -> None:
        self.readings: list[Reading] = []
        self._command = [sys.executable, __file__, str(home), sql]
        self._readers = readers
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        for _ in range(self._readers):
            self._started.append(
                subprocess.Popen(self._command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
            )
        for process in self._started:
            assert process.stdout is not None
            assert process.stdout.readline() == "looking\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        for number, process in enumerate(self._started):
            seen, _said = process.communicate("enough\n", timeout=60)
            self.readings += [_reading(number, line) for line in seen.splitlines()]
            if kind is None:
                assert process.returncode == 0
                assert any(each.reader == number for each in self.readings)


def _reading(reader: int, line: str) -> Reading:
    said = json.loads(line)
    state = tuple(tuple(row) for row in said["state"])
    return Reading(reader, said["began"], said["ended"], state)


def look(home: str, sql: str) -> None:
    """Ask again and again, until told that it is enough, and then say what was seen."""
    import select

    warehouse = LocalWarehouse(catalog=LocalCatalogResource(home=home))
    warehouse.query(sql)
    lines = []
    sys.stdout.write("looking\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.monotonic()
        try:
            state: Sequence[Sequence[object]] = warehouse.query(sql).rows
        except Product360Error as error:
            state = [["failed", str(error)]]
        ended = time.monotonic()
        lines.append(json.dumps({"began": began, "ended": ended, "state": state}))
        time.sleep(max(0.0, PERIOD_SECONDS - (ended - began)))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    look(sys.argv[1], sys.argv[2])
