"""Histories of a source, drawn by Hypothesis: what it did, and how badly that was delivered.

A history is a key space of its own: a few keys that are inserted, updated, deleted and renamed in
transactions, and deliveries of those changes that are late, doubled, shuffled, of a new shape, or
interrupted by a crash. `expected` is the reference: what must be there in the end, in twenty lines
of plain Python.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

KEYS = st.integers(0, 4)
AMOUNTS = st.integers(0, 99)
CORRECTED = 7


@dataclass(frozen=True)
class Change:
    """One change of one row; `committed` in seconds, the same for all of its transaction."""

    operation: str
    key: int
    amount: int | None
    note: str | None
    committed: int
    sequence: int
    wide: bool
    is_corrected: bool = False

    @property
    def is_bad(self) -> bool:
        return self.amount is not None and self.amount < 0


@dataclass
class History:
    """Deliveries in the order in which they came, and before which of them something crashed."""

    deliveries: list[tuple[Change, ...]] = field(default_factory=list)
    crashes: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Expected:
    """What must be there: changes by how often they came, and the rows that stand in the end."""

    kept: Counter[Change]
    rejected: Counter[Change]
    standing: dict[int, tuple[int | None, str | None]]


def expected(history: History, *, corrections: bool) -> Expected:
    """The reference model; with `corrections`, after people corrected what they could."""
    kept, rejected = Counter[Change](), Counter[Change]()
    for delivery in history.deliveries:
        for change in delivery:
            if not change.is_bad:
                kept[change] += 1
                continue
            rejected[change] += 1
            if corrections and change.is_corrected:
                kept[replace(change, amount=CORRECTED)] += 1
    standing: dict[int, tuple[int | None, str | None]] = {}
    for change in sorted(kept, key=lambda each: (each.committed, each.sequence)):
        if change.operation == "D":
            standing.pop(change.key, None)
        else:
            standing[change.key] = (change.amount, change.note)
    return Expected(kept, rejected, standing)


class Source(RuleBasedStateMachine):
    """A table at its source, and a delivering service that fails in every way it may."""

    histories: list[History]

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self.alive: set[int] = set()
        self.waiting: list[Change] = []
        self.late: list[tuple[Change, ...]] = []
        self.committed, self.sequence, self.wide = 0, 0, False

    @rule(key=KEYS, amount=AMOUNTS, same_moment=st.booleans())
    def write(self, key: int, amount: int, same_moment: bool) -> None:
        """Insert a key, or update it where it is there."""
        self._commit(same_moment)
        self._put(key, amount)

    @rule(key=KEYS, same_moment=st.booleans())
    def delete(self, key: int, same_moment: bool) -> None:
        """Delete a key, whether or not it is there."""
        self._commit(same_moment)
        self._remove(key)

    @rule(old=KEYS, new=KEYS, amount=AMOUNTS)
    def change_key(self, old: int, new: int, amount: int) -> None:
        """Rename a key: one transaction deletes the old one and inserts the new one."""
        self._commit(same_moment=False)
        self._remove(old)
        self._put(new, amount)

    @rule(key=KEYS, is_corrected=st.booleans())
    def spoil(self, key: int, is_corrected: bool) -> None:
        """Write an amount that clean rejects; somebody may correct it in the end."""
        self._commit(same_moment=False)
        self._put(key, -1, is_corrected=is_corrected)

    @rule()
    def change_schema(self) -> None:
        """From now on rows have one column more, and the columns stand in another order."""
        self.wide = True

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """What was not delivered yet comes, in any order within its file."""
        self.history.deliveries.append(tuple(data.draw(st.permutations(self.waiting))))
        self.waiting = []

    @rule()
    def hold_back(self) -> None:
        """What was not delivered yet comes later than what follows it."""
        self.late.append(tuple(self.waiting))
        self.waiting = []

    @rule()
    def deliver_late(self) -> None:
        """The oldest of what was held back comes."""
        if self.late:
            self.history.deliveries.append(self.late.pop(0))

    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """A delivery comes a second time."""
        if self.history.deliveries:
            self.history.deliveries.append(data.draw(st.sampled_from(self.history.deliveries)))

    @rule()
    def crash(self) -> None:
        """Something dies while the next delivery is accepted."""
        self.history.crashes.add(len(self.history.deliveries))

    def teardown(self) -> None:
        """In the end everything was delivered once at least."""
        self.history.deliveries += [*self.late, tuple(self.waiting)]
        self.histories.append(self.history)

    def _commit(self, same_moment: bool) -> None:
        self.committed += 0 if same_moment else 1

    def _put(self, key: int, amount: int, *, is_corrected: bool = False) -> None:
        self._log("U" if key in self.alive else "I", key, amount, is_corrected=is_corrected)
        self.alive.add(key)

    def _remove(self, key: int) -> None:
        self._log("D", key, None, is_corrected=False)
        self.alive.discard(key)

    def _log(self, operation: str, key: int, amount: int | None, *, is_corrected: bool) -> None:
        self.sequence += 1
        note = f"n{self.sequence}" if self.wide and operation != "D" else None
        self.waiting.append(
            Change(
                operation,
                key,
                amount,
                note,
                self.committed,
                self.sequence,
                self.wide,
                is_corrected,
            )
        )


def histories(number: int, *, drawn_from: int) -> Sequence[History]:
    """So many histories, the same ones for the same seed."""
    found: list[History] = []

    @seed(drawn_from)
    class Drawn(Source):
        histories = found

    run_state_machine_as_test(
        Drawn,
        settings=settings(
            max_examples=number,
            stateful_step_count=25,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return found
