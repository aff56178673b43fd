"""Differences between two zones, named to the file, and what was compared to find them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Pair = Literal["source and raw", "raw and clean"]

PAIRS: tuple[Pair, ...] = ("source and raw", "raw and clean")


@dataclass(frozen=True)
class Difference:
    """One thing of one file that is not the same in two zones.

    Attributes:
        table: such as "shop.order".
        day: the landing day, YYYY-MM-DD.
        file: the object that differs, or the folder or execution when it cannot be told.
        what: "rows", "sha256", "sum of total" …
        left, right: what the zones of the pair say, upstream first.
    """

    pair: Pair
    table: str
    day: str
    file: str
    what: str
    left: str
    right: str

    def __str__(self) -> str:
        left, right = self.pair.split(" and ")
        return (
            f"{self.table} {self.day}, {self.file}: {self.what} {self.left} in {left}, "
            f"{self.right} in {right}{self._by()}"
        )

    def _by(self) -> str:
        """By how much, where both are numbers."""
        try:
            return f" ({Decimal(self.right) - Decimal(self.left):+})"
        except ArithmeticError:
            return ""


@dataclass(frozen=True)
class DayResult:
    """What came of comparing one table and landing day.

    Attributes:
        fingerprint: of the evidence that it was compared from.
        source, raw, clean: what each zone holds, by what is counted; None is not counted.
        sums: column → (raw, clean), over the files in which sums could be compared.
        pending: what is still on its way, in words; no difference.
        explained: what differs because subjects were erased, and by as much as they explain.
        clean_files: rows of each file in clean, so that one that goes can be named.
    """

    table: str
    day: str
    fingerprint: str
    source: Mapping[str, int | None]
    raw: Mapping[str, int | None]
    clean: Mapping[str, int | None]
    sums: Mapping[str, tuple[str, str]]
    pending: tuple[str, ...]
    differences: tuple[Difference, ...]
    explained: tuple[Difference, ...]
    clean_files: Mapping[str, int]

    def document(self) -> dict[str, Any]:
        """The result as JSON knows it."""
        named = {"differences": self.differences, "explained": self.explained}
        return {**vars(self), **{what: list(map(vars, some)) for what, some in named.items()}}


def day_result_of(document: Mapping[str, Any]) -> DayResult:
    """The result that a document states."""
    return DayResult(
        **{
            **document,
            "sums": {name: (pair[0], pair[1]) for name, pair in document["sums"].items()},
            "pending": tuple(document["pending"]),
            "differences": tuple(Difference(**each) for each in document["differences"]),
            "explained": tuple(Difference(**each) for each in document["explained"]),
        }
    )
